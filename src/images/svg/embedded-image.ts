/** Longest `data:` URL that is looked at, characters. */
const MAX_DATA_CHARACTERS = 2 * 1024 * 1024;

/**
 * Pixels of a picture embedded in an SVG as `data:image/png|jpeg|webp;base64`, from its header. The renderer decodes
 * it whole, whatever size it is drawn at, so a small text could hold a huge picture. `undefined` when the URL is
 * none of these, lies about its type, or has no size that we can read.
 */
export function embeddedImagePixels(url: string): number | undefined {
  if (url.length > MAX_DATA_CHARACTERS) return undefined;
  const match = /^data:image\/(png|jpe?g|webp);base64,([A-Za-z\d+/=\s]+)$/.exec(url);
  if (match === null) return undefined;
  const bytes = Buffer.from(match[2] ?? '', 'base64');
  const size = match[1] === 'png' ? pngSize(bytes) : match[1] === 'webp' ? webpSize(bytes) : jpegSize(bytes);
  if (size === undefined || size[0] < 1 || size[1] < 1) return undefined;
  return size[0] * size[1];
}

type Size = readonly [number, number];

function pngSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 24 || bytes.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') return undefined;
  return bytes.toString('latin1', 12, 16) === 'IHDR'
    ? [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
    : undefined;
}

function webpSize(bytes: Buffer): Size | undefined {
  if (
    bytes.length < 30 ||
    bytes.toString('latin1', 0, 4) !== 'RIFF' ||
    bytes.toString('latin1', 8, 12) !== 'WEBP'
  )
    return undefined;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return [1 + bytes.readUIntLE(24, 3), 1 + bytes.readUIntLE(27, 3)];
    case 'VP8L':
      return [1 + (bytes.readUInt32LE(21) & 0x3fff), 1 + ((bytes.readUInt32LE(21) >>> 14) & 0x3fff)];
    case 'VP8 ':
      return [bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff];
    default:
      return undefined;
  }
}

/** The first frame header (SOF0 to SOF15, without DHT, JPG and DAC) holds the size. */
function jpegSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let offset = 2;
  while (offset + 9 <= bytes.length && bytes[offset] === 0xff) {
    const marker = bytes[offset + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [bytes.readUInt16BE(offset + 7), bytes.readUInt16BE(offset + 5)];
    }
    offset += 2 + bytes.readUInt16BE(offset + 2);
  }
  return undefined;
}
