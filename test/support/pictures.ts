import sharp from 'sharp';

/** A smooth colourful picture: compresses well, and no two places of it are alike. */
export async function photo(
  width: number,
  height: number,
  format: 'jpeg' | 'png' | 'webp' = 'jpeg',
): Promise<Buffer> {
  const pixels = Buffer.allocUnsafe(width * height * 3);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      pixels[at++] = Math.round((255 * x) / width);
      pixels[at++] = Math.round((255 * y) / height);
      pixels[at++] = (x * 7 + y * 13) & 255;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** Noise does not compress: for sources of a given size. */
export async function noise(width: number, height: number, seed = 1): Promise<Buffer> {
  const pixels = Buffer.allocUnsafe(width * height * 3);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < pixels.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    pixels[at] = state >>> 24;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

/** One colour: many pixels in few bytes. */
export async function blank(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#246' } })
    .png()
    .toBuffer();
}
