import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type JpegOptions, type Sharp } from 'sharp';

/** Raised when a generator changes, so that pictures of an older one are not taken from the cache. */
const CORPUS_VERSION = 3;

const FOLDER = join(tmpdir(), `plimsoll-image-corpus-${CORPUS_VERSION}`);

export interface Raw {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
}

/** Colours of the corners of {@link cornersRaw}: left top, right top, left bottom, right bottom. */
export const CORNERS = {
  leftTop: [230, 20, 20],
  rightTop: [20, 200, 20],
  leftBottom: [20, 20, 230],
  rightBottom: [230, 200, 20],
} as const;

/** A picture in four quarters of {@link CORNERS}, so that every orientation can be told from its pixels. */
export function cornersRaw(width = 80, height = 60): Raw {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const top = y < height / 2;
      const left = x < width / 2;
      const colour = top
        ? left
          ? CORNERS.leftTop
          : CORNERS.rightTop
        : left
          ? CORNERS.leftBottom
          : CORNERS.rightBottom;
      data.set(colour, (y * width + x) * 3);
    }
  }
  return { data, width, height, channels: 3 };
}

/** Noise on a gradient from a seed: it compresses about as badly as a photograph. */
export function photoRaw(width: number, height: number, seed = 1, channels: 3 | 4 = 3): Raw {
  const data = Buffer.alloc(width * height * channels);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  let offset = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const noise = (state >>> 0) % 25;
      const wave = 40 * Math.sin((x * 7) / width) * Math.cos((y * 5) / height);
      data[offset] = clamp((x / width) * 160 + wave + noise);
      data[offset + 1] = clamp((y / height) * 160 + wave + noise);
      data[offset + 2] = clamp(120 - wave + noise);
      if (channels === 4)
        data[offset + 3] = clamp(
          Math.hypot(x - width / 2, y - height / 2) < Math.min(width, height) / 2.5 ? 255 : 0,
        );
      offset += channels;
    }
  }
  return { data, width, height, channels };
}

const clamp = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));

const open = ({ data, width, height, channels }: Raw): Sharp =>
  sharp(data, { raw: { width, height, channels } });

/** A photograph-like JPEG of any size, from a seed. */
export function photoJpeg(
  width: number,
  height: number,
  seed = 1,
  options: JpegOptions = {},
): Promise<Buffer> {
  return cached(`photo-${width}x${height}-${seed}-${Object.entries(options).flat().join('-')}.jpg`, () =>
    open(photoRaw(width, height, seed))
      .jpeg(options)
      .toBuffer(),
  );
}

/** A photograph-like PNG with alpha (opaque in the middle, transparent outside), from a seed. */
export function photoPngWithAlpha(width: number, height: number, seed = 1): Promise<Buffer> {
  return cached(`photo-alpha-${width}x${height}-${seed}.png`, () =>
    open(photoRaw(width, height, seed, 4))
      .png()
      .toBuffer(),
  );
}

/** {@link cornersRaw} as a JPEG whose pixels lie so that `orientation` shows them upright as 80×60. */
export function orientedJpeg(orientation: number): Promise<Buffer> {
  return cached(`orientation-${orientation}.jpg`, async () => {
    const upright = open(cornersRaw());
    const stored = await undo(upright, orientation)
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer();
    return sharp(stored)
      .withMetadata({ orientation })
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer();
  });
}

/** The inverse of what a viewer does for `orientation`. */
function undo(picture: Sharp, orientation: number): Sharp {
  switch (orientation) {
    case 2:
      return picture.flop();
    case 3:
      return picture.rotate(180);
    case 4:
      return picture.flip();
    case 5:
      return picture.flop().rotate(270);
    case 6:
      return picture.rotate(270);
    case 7:
      return picture.flop().rotate(90);
    case 8:
      return picture.rotate(90);
    default:
      return picture;
  }
}

/** The edge cases by name; each is made at its first use and kept in a folder of the system's temporary one. */
export const CORPUS = {
  jpeg: () => open(cornersRaw()).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer(),
  'jpeg-progressive': () => open(photoRaw(320, 240)).jpeg({ progressive: true }).toBuffer(),
  'jpeg-cmyk': () => open(cornersRaw()).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
  'jpeg-grey': () => open(photoRaw(320, 240)).greyscale().toColourspace('b-w').jpeg().toBuffer(),
  png: () => open(cornersRaw()).png().toBuffer(),
  'png-16bit': () => open(cornersRaw()).toColourspace('rgb16').png().toBuffer(),
  'png-interlaced': () => open(photoRaw(320, 240)).png({ progressive: true }).toBuffer(),
  'png-palette': () => open(cornersRaw()).png({ palette: true, colours: 16 }).toBuffer(),
  'png-alpha': () =>
    open(photoRaw(120, 90, 3, 4))
      .png()
      .toBuffer(),
  webp: () => open(cornersRaw()).webp({ quality: 95 }).toBuffer(),
  'webp-lossless': () => open(cornersRaw()).webp({ lossless: true }).toBuffer(),
  'webp-alpha': () =>
    open(photoRaw(120, 90, 4, 4))
      .webp()
      .toBuffer(),
  'webp-lossless-extended': () =>
    open(photoRaw(120, 90, 4, 4))
      .webp({ lossless: true })
      .withIccProfile('p3')
      .toBuffer(),
  'webp-animated': () =>
    animation().then((frames) => frames.webp({ delay: [80, 120, 160], loop: 0 }).toBuffer()),
  gif: () => open(cornersRaw()).gif().toBuffer(),
  'gif-animated': () =>
    animation().then((frames) => frames.gif({ delay: [80, 120, 160], loop: 0 }).toBuffer()),
  'gif-10000-frames': () => Promise.resolve(manyFrames(10_000)),
  avif: () => open(cornersRaw()).avif({ quality: 90, effort: 0 }).toBuffer(),
  tiff: () => open(cornersRaw()).tiff({ compression: 'lzw' }).toBuffer(),
  'jpeg-photo': () => open(photoRaw(320, 240)).jpeg().toBuffer(),
  'png-photo': () => open(photoRaw(320, 240)).png().toBuffer(),
  'webp-photo': () => open(photoRaw(320, 240)).webp().toBuffer(),
  'webp-lossless-photo': () => open(photoRaw(320, 240)).webp({ lossless: true }).toBuffer(),
  'gif-photo': () => open(photoRaw(320, 240)).gif({ effort: 1 }).toBuffer(),
  'avif-photo': () => open(photoRaw(320, 240)).avif({ effort: 0 }).toBuffer(),
  'tiff-photo': () => open(photoRaw(320, 240)).tiff({ compression: 'lzw' }).toBuffer(),
  'one-pixel': () => open(photoRaw(1, 1)).png().toBuffer(),
  'wide-16000x1': () => open(photoRaw(16_000, 1)).png().toBuffer(),
  'png-30000x30000': () => Promise.resolve(hugePng(30_000, 30_000)),
  html: () =>
    Promise.resolve(
      Buffer.from('<!DOCTYPE html>\n<html><head><title>Not found</title></head><body>404</body></html>\n'),
    ),
  empty: () => Promise.resolve(Buffer.alloc(0)),
  svg: () =>
    Promise.resolve(
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60" viewBox="0 0 80 60"><rect width="40" height="30" fill="#e61414"/>' +
          '<rect x="40" width="40" height="30" fill="#14c814"/><rect y="30" width="40" height="30" fill="#1414e6"/>' +
          '<rect x="40" y="30" width="40" height="30" fill="#e6c814"/></svg>',
      ),
    ),
} as const satisfies Record<string, () => Promise<Buffer>>;

export type CorpusName = keyof typeof CORPUS;

/** The bytes of one case. */
export function corpus(name: CorpusName): Promise<Buffer> {
  return cached(name, CORPUS[name]);
}

/** A file of one case, under any name: `corpusFile('png', 'photo.jpg')` is the wrong extension. Not to be written to. */
export async function corpusFile(name: CorpusName, fileName: string = name): Promise<string> {
  const bytes = await corpus(name);
  const path = join(FOLDER, `file-${name}-${fileName}`);
  keep(path, bytes);
  return path;
}

/** `bytes` cut at ten points, from 5 to 95 % of their length. */
export function truncations(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: 10 }, (_, index) =>
    Buffer.from(bytes.subarray(0, Math.floor((bytes.length * (2 * index + 1)) / 20))),
  );
}

/** Three frames of 40×30 in red, green and blue. */
async function animation(): Promise<Sharp> {
  const frame = (background: string): Promise<Buffer> =>
    sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .png()
      .toBuffer();
  return sharp(await Promise.all(['#f00', '#0f0', '#00f'].map(frame)), { join: { animated: true } });
}

/** A GIF of `count` frames of one pixel on a canvas of 10×10: 23 bytes each. */
function manyFrames(count: number): Buffer {
  const frame = Buffer.from('21f9040001000000' + '2c000000000100010000' + '0202440100', 'hex');
  return Buffer.concat([
    Buffer.from('GIF89a', 'latin1'),
    Buffer.from('0a000a00800000000000ffffff', 'hex'),
    ...Array.from({ length: count }, () => frame),
    Buffer.from([0x3b]),
  ]);
}

/** A black PNG of one bit a pixel: 900 megapixels in some 100 KB. */
function hugePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))), { level: 9 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}

async function cached(name: string, make: () => Promise<Buffer>): Promise<Buffer> {
  const path = join(FOLDER, name);
  const found = read(path);
  if (found !== undefined) return found;
  const bytes = await make();
  keep(path, bytes);
  return bytes;
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Several test workers make the same picture at once: each writes its own file and renames it. */
function keep(path: string, bytes: Buffer): void {
  mkdirSync(FOLDER, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}
