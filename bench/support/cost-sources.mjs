import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { picture } from './corpus.mjs';

/** Change it when the pictures change: the cache goes by it. */
const VERSION = 1;
const folder = join(tmpdir(), `plimsoll-bench-cost-v${VERSION}`);

/** Sizes, by megapixels or shape. */
const SIZES = {
  24: [6_000, 4_000],
  12: [4_000, 3_000],
  6: [3_000, 2_000],
  3: [2_000, 1_500],
  wide: [12_000, 1_000],
  tall: [1_000, 12_000],
  film: [640, 480],
  tiny: [96, 64],
};
const TINY_FRAMES = 3;

const jpeg = (size, photo, more = {}) => ({ size, photo, format: 'jpeg', ...more });
const png = (size, photo, more = {}) => ({ size, photo, format: 'png', ...more });
const webp = (size, photo, more = {}) => ({ size, photo, format: 'webp', ...more });

/** Pictures by name: photographs in every way in which a decoder treats them differently. */
export const SOURCES = {
  'baseline-24': jpeg('24', 0),
  'baseline-12': jpeg('12', 4),
  'baseline-12-444': jpeg('12', 5, { chroma: '4:4:4' }),
  'baseline-3': jpeg('3', 1),
  'baseline-wide': jpeg('wide', 2),
  'baseline-tall': jpeg('tall', 3),
  'grey-12': jpeg('12', 5, { space: 'b-w' }),
  'cmyk-12': jpeg('12', 4, { space: 'cmyk' }),
  'progressive-24': jpeg('24', 1, { progressive: true }),
  'progressive-12': jpeg('12', 4, { progressive: true }),
  'progressive-3': jpeg('3', 0, { progressive: true }),
  'progressive-wide': jpeg('wide', 1, { progressive: true }),
  'progressive-tall': jpeg('tall', 2, { progressive: true }),
  'progressive-24-444': jpeg('24', 2, { progressive: true, chroma: '4:4:4' }),
  'progressive-12-444': jpeg('12', 5, { progressive: true, chroma: '4:4:4' }),
  'progressive-12-grey': jpeg('12', 5, { progressive: true, space: 'b-w' }),
  'progressive-12-cmyk': jpeg('12', 4, { progressive: true, space: 'cmyk' }),
  'exif6-24': jpeg('24', 1, { orientation: 6 }),
  'exif3-12': jpeg('12', 4, { orientation: 3 }),
  'exif2-12': jpeg('12', 4, { orientation: 2 }),
  'exif8-12-progressive': jpeg('12', 5, { orientation: 8, progressive: true }),
  'exif6-12-lossless': webp('12', 4, { orientation: 6, lossless: true }),
  'png-24': png('24', 1),
  'png-12': png('12', 4),
  'png-3': png('3', 0),
  'png-wide': png('wide', 3),
  'png-tall': png('tall', 1),
  'png-6-palette': png('6', 2, { palette: true }),
  'png-12-alpha': png('12', 5, { alpha: true }),
  'png-3-alpha': png('3', 1, { alpha: true }),
  'png-12-16bit': png('12', 4, { space: 'rgb16' }),
  'png-3-16bit': png('3', 2, { space: 'rgb16' }),
  'png-wide-16bit': png('wide', 1, { space: 'rgb16' }),
  'interlaced-24': png('24', 3, { progressive: true }),
  'interlaced-12': png('12', 4, { progressive: true }),
  'interlaced-12-alpha': png('12', 5, { progressive: true, alpha: true }),
  'interlaced-3-16bit': png('3', 1, { progressive: true, space: 'rgb16' }),
  'lossy-24': webp('24', 0),
  'lossy-12': webp('12', 5),
  'lossy-tall': webp('tall', 2),
  'lossy-12-alpha': webp('12', 4, { alpha: true }),
  'lossless-24': webp('24', 1, { lossless: true }),
  'lossless-12': webp('12', 4, { lossless: true }),
  'lossless-wide': webp('wide', 2, { lossless: true }),
  'lossless-3-alpha': webp('3', 0, { lossless: true, alpha: true }),
  'webp-film': webp('film', 0, { frames: 24 }),
  'webp-film-lossless': webp('film', 1, { frames: 24, lossless: true }),
  'gif-3': { size: '3', photo: 0, format: 'gif' },
  'gif-6': { size: '6', photo: 2, format: 'gif' },
  'gif-film': { size: 'film', photo: 1, format: 'gif', frames: 16 },
  'tiff-12': { size: '12', photo: 4, format: 'tiff', compression: 'lzw' },
  'tiff-24-plain': { size: '24', photo: 1, format: 'tiff', compression: 'none' },
  'tiff-12-tiled': { size: '12', photo: 5, format: 'tiff', compression: 'deflate', tile: true },
  'avif-12': { size: '12', photo: 4, format: 'avif' },
  'avif-3': { size: '3', photo: 0, format: 'avif' },
  'avif-3-alpha': { size: '3', photo: 1, format: 'avif', alpha: true },
  'svg-plain': { size: '12', format: 'svg' },
  'svg-complex': { size: '12', format: 'svg', complex: true },
};

/** Alpha that fades from corner to corner, with texture: soft, as cut-out photographs have it. */
function softAlpha(width, height) {
  const data = Buffer.alloc(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) data[at] = 96 * (x / width + y / height) + ((x * 7 + y * 13) % 61);
  }
  return data;
}

/** A photograph of the corpus at this size, as a sharp pipeline. */
async function photograph({ photo, alpha }, width, height) {
  const large = width * height > 1_000_000;
  const base = await picture({
    ...(large ? { width, height } : { width: 2_000, height: 1_500 }),
    photo,
    format: 'jpeg',
    grain: true,
    quality: 92,
  });
  const image = sharp(base.path).resize(width, height, { fit: 'cover' });
  if (!alpha) return image;
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return sharp(data, { raw: info }).joinChannel(softAlpha(width, height), {
    raw: { width, height, channels: 1 },
  });
}

/** Frames that pan over a photograph. */
async function film(spec, width, height, count) {
  const wide = await (await photograph(spec, width * 2, height)).png({ compressionLevel: 1 }).toBuffer();
  const frames = [];
  for (let i = 0; i < count; i++) {
    const left = Math.floor((i * width) / count);
    frames.push(
      await sharp(wide).extract({ left, top: 0, width, height }).png({ compressionLevel: 1 }).toBuffer(),
    );
  }
  return sharp(frames, { join: { animated: true } });
}

function drawing({ complex = false }, width, height) {
  const shapes = [];
  for (let i = 0; i < 120; i++) {
    const x = ((i * 37) % 100) / 100;
    const y = ((i * 61) % 100) / 100;
    shapes.push(
      `<circle cx="${x * width}" cy="${y * height}" r="${0.05 * width}" fill="hsl(${i * 3},60%,50%)" fill-opacity="0.6"/>`,
    );
  }
  const filter = '<filter id="f"><feGaussianBlur stdDeviation="9"/></filter>';
  const body = complex
    ? `<defs>${filter}</defs><g filter="url(#f)" opacity="0.9">${shapes.join('')}</g>`
    : shapes.join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
}

function encode(image, spec) {
  const { format, progressive = false, lossless = false, space, orientation } = spec;
  if (space !== undefined) image = image.toColourspace(space);
  if (orientation !== undefined) image = image.withMetadata({ orientation });
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality: 88, progressive, chromaSubsampling: spec.chroma ?? '4:2:0' });
    case 'png':
      return spec.palette
        ? image.png({ palette: true, effort: 1 })
        : image.png({ progressive, compressionLevel: 3, adaptiveFiltering: true });
    case 'webp':
      return image.webp(lossless ? { lossless, effort: 0 } : { quality: 85, effort: 1 });
    case 'gif':
      return image.gif({ effort: 1 });
    case 'tiff':
      return image.tiff({ compression: spec.compression, tile: spec.tile ?? false });
    case 'avif':
      return image.avif({ quality: 60, effort: 0 });
    default:
      throw new Error(`no source is ${format}`);
  }
}

async function make(name, spec, size, frames) {
  const path = join(folder, `${name}${size === 'tiny' ? '-tiny' : ''}.${spec.format}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  const [width, height] = SIZES[size];
  if (spec.format === 'svg') writeFileSync(partial, drawing(spec, width, height));
  else {
    const image =
      frames === undefined ? await photograph(spec, width, height) : await film(spec, width, height, frames);
    await encode(image, spec).toFile(partial);
  }
  renameSync(partial, path);
  return path;
}

/** The picture of this name and one of a few pixels of the same kind; made once and kept in the temporary folder. */
export async function costSource(name) {
  const spec = SOURCES[name];
  const tinyFrames = spec.frames === undefined ? undefined : TINY_FRAMES;
  return {
    path: await make(name, spec, spec.size, spec.frames),
    tinyPath: await make(name, spec, 'tiny', tinyFrames),
  };
}
