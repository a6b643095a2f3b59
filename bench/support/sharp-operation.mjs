import sharp from 'sharp';

/**
 * The operation that all sides run: turn upright, shrink to a width, encode with sharp's defaults.
 *
 * @param {Buffer | string} input bytes or the path of a file
 * @param {{ width: number, format: 'webp' | 'jpeg' | 'png' | 'avif' }} wanted
 * @returns {Promise<Buffer>}
 */
export function transform(input, { width, format }) {
  return sharp(input).autoOrient().resize({ width, withoutEnlargement: true })[format]().toBuffer();
}
