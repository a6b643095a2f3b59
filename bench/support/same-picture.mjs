import sharp from 'sharp';

/** Two encodings of one picture differ by less than this on average, of 255; another picture by 30 and more. */
const MOST_DIFFERENCE = 4;
/** A codec that is told the same thing writes about as many bytes; fewer would be less work. */
const LENGTH_WITHIN = 0.25;

/**
 * Do two answers show the same picture in the same format, size and about the same effort?
 *
 * @param {Buffer} ours
 * @param {Buffer} theirs
 * @returns {Promise<string | null>} what differs, or `null`
 */
export async function pictureDifference(ours, theirs) {
  const [a, b] = await Promise.all([ours, theirs].map((bytes) => sharp(bytes).metadata()));
  for (const name of ['format', 'width', 'height', 'hasAlpha', 'space']) {
    if (a[name] !== b[name]) return `${name} is ${a[name]}, not ${b[name]}`;
  }
  if (Math.abs(ours.length / theirs.length - 1) > LENGTH_WITHIN) {
    return `${ours.length} bytes, the other side needs ${theirs.length}`;
  }
  const [x, y] = await Promise.all(
    [ours, theirs].map((bytes) => sharp(bytes).flatten().toColourspace('srgb').raw().toBuffer()),
  );
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += Math.abs(x[i] - y[i]);
  const mean = sum / x.length;
  return mean > MOST_DIFFERENCE ? `pixels differ by ${mean.toFixed(1)} of 255 on average` : null;
}
