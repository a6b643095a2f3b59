import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { seededRandom } from './seeded-random.mjs';

/** Change it when the pictures change: the cache goes by it. */
const VERSION = 3;
const folder = join(tmpdir(), `plimsoll-bench-corpus-v${VERSION}`);

const WALLPAPERS = '/usr/share/wallpapers';
const MATE = '/usr/share/backgrounds/mate';

/** Photographs of the Debian packages mate-backgrounds and plasma-workspace-wallpapers. */
const PHOTOGRAPHS = [
  `${MATE}/abstract/Elephants_5640x3172.jpg`,
  `${WALLPAPERS}/EveningGlow/contents/images/2560x1600.jpg`,
  `${MATE}/nature/Storm.jpg`,
  `${WALLPAPERS}/ColorfulCups/contents/images/2560x1600.jpg`,
  `${MATE}/nature/RainDrops.jpg`,
  `${WALLPAPERS}/Autumn/contents/images/2560x1600.jpg`,
  `${MATE}/nature/TwoWings.jpg`,
  `${WALLPAPERS}/FallenLeaf/contents/images/2560x1600.jpg`,
].filter((path) => existsSync(path));

/** For people: what the pictures are made of. */
export const corpusOrigin =
  PHOTOGRAPHS.length > 0
    ? `${PHOTOGRAPHS.length} photographs of mate-backgrounds and plasma-workspace-wallpapers`
    : 'generated noise (install mate-backgrounds and plasma-workspace-wallpapers for photographs)';

const TYPES = { jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp' };

/**
 * Five octaves of smooth noise, which codecs treat much like a photograph.
 *
 * @returns a sharp pipeline of at most 1500 pixels a side
 */
function generatedPhotograph(index) {
  const random = seededRandom(1_000 + index);
  const width = 1_500;
  const height = 1_000;
  const pixels = new Float32Array(width * height * 3);
  for (const [cell, weight] of [
    [400, 90],
    [120, 50],
    [40, 24],
    [12, 12],
    [3, 6],
  ]) {
    const columns = Math.ceil(width / cell) + 2;
    const grid = Float32Array.from(
      { length: columns * (Math.ceil(height / cell) + 2) * 3 },
      () => random.next() - 0.5,
    );
    for (let y = 0, at = 0; y < height; y++) {
      const gy = Math.floor(y / cell);
      const fy = y / cell - gy;
      for (let x = 0; x < width; x++) {
        const gx = Math.floor(x / cell);
        const fx = x / cell - gx;
        for (let c = 0; c < 3; c++, at++) {
          const corner = (gy * columns + gx) * 3 + c;
          const below = corner + columns * 3;
          const upper = grid[corner] * (1 - fx) + grid[corner + 3] * fx;
          const lower = grid[below] * (1 - fx) + grid[below + 3] * fx;
          pixels[at] += weight * (upper * (1 - fy) + lower * fy);
        }
      }
    }
  }
  const bytes = Buffer.alloc(pixels.length);
  for (let i = 0; i < pixels.length; i++) bytes[i] = Math.max(0, Math.min(255, 128 + pixels[i]));
  return sharp(bytes, { raw: { width, height, channels: 3 } });
}

const photograph = (index) =>
  PHOTOGRAPHS.length > 0 ? sharp(PHOTOGRAPHS[index % PHOTOGRAPHS.length]) : generatedPhotograph(index);

/** A tile of film grain: an enlarged photograph without it compresses far better than one from a camera. */
function grainTile() {
  const side = 509;
  const random = seededRandom(77);
  const grey = Buffer.alloc(side * side);
  for (let i = 0; i < grey.length; i++)
    grey[i] = 128 + 22 * (random.next() + random.next() + random.next() - 1.5);
  return sharp(grey, { raw: { width: side, height: side, channels: 1 } })
    .png()
    .toBuffer();
}

/** Alpha that fades from corner to corner. */
function fadingAlpha(width, height) {
  const alpha = Buffer.alloc(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) alpha[at] = (255 * (x / width + y / height)) / 2;
  }
  return { input: alpha, raw: { width, height, channels: 1 } };
}

async function draw(spec) {
  const { width, height, photo = 0, grain = false, alpha = false } = spec;
  let image = photograph(photo)
    .resize(width, height, { fit: 'cover', kernel: 'cubic' })
    .removeAlpha()
    .toColourspace('srgb');
  if (grain) image = image.composite([{ input: await grainTile(), tile: true, blend: 'soft-light' }]);
  if (!alpha) return image;
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const { input, raw } = fadingAlpha(width, height);
  return sharp(data, { raw: info }).joinChannel(input, { raw });
}

function encode(image, { format, progressive = false, chroma = '4:2:0', quality = 88, lossless = false }) {
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality, progressive, chromaSubsampling: chroma });
    case 'png':
      return image.png({ progressive, compressionLevel: 6, adaptiveFiltering: true });
    case 'webp':
      return image.webp(lossless ? { lossless, effort: 0 } : { quality });
    default:
      throw new Error(`no corpus picture is ${format}`);
  }
}

/**
 * One picture, made once and kept in the temporary folder.
 *
 * @param {object} spec `width`, `height`, `format` (jpeg, png, webp) and, as wanted, `photo` (which photograph),
 *   `grain`, `alpha`, `progressive`, `chroma`, `quality`, `lossless`
 * @returns {Promise<{ path: string, type: string, bytes: number, width: number, height: number }>}
 */
export async function picture(spec) {
  const key = JSON.stringify([VERSION, PHOTOGRAPHS, spec]);
  const name = `${createHash('sha256').update(key).digest('hex').slice(0, 16)}.${spec.format}`;
  const path = join(folder, name);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const partial = `${path}.${process.pid}.partial`;
    await encode(await draw(spec), spec).toFile(partial);
    renameSync(partial, path);
  }
  return {
    path,
    type: TYPES[spec.format],
    bytes: statSync(path).size,
    width: spec.width,
    height: spec.height,
  };
}

/** Several pictures by name, one after the other: making the large ones needs memory. */
export async function pictures(specs) {
  const made = {};
  for (const [name, spec] of Object.entries(specs)) made[name] = await picture(spec);
  return made;
}

/**
 * A valid PNG that no codec can make smaller: seeded noise, so its length is width × height × 3 and a little.
 * `width` decides how much a decoder must hold at once.
 */
export async function noisePng({ width, height, seed = 5 }) {
  const path = join(folder, `noise-${width}x${height}-${seed}.png`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const random = seededRandom(seed);
    const noise = Buffer.alloc(width * height * 3);
    for (let i = 0; i + 4 <= noise.length; i += 4)
      noise.writeUInt32LE(Math.floor(random.next() * 4_294_967_296), i);
    const png = await sharp(noise, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    const partial = `${path}.${process.pid}.partial`;
    writeFileSync(partial, png);
    renameSync(partial, path);
  }
  return { path, type: 'image/png', bytes: statSync(path).size, width, height };
}
