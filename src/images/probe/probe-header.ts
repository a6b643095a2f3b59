import { open } from 'node:fs/promises';
import type { Metadata } from 'sharp';
import type { Settings } from '../../config/index.js';
import { PlimsollError } from '../../errors/index.js';
import type { ImageHeader, SourceFormat } from '../../image-memory/index.js';
import type { ImageInput } from '../image-input.js';
import { sharp } from '../sharp-engine.js';
import { isComplexSvg, loadSvg } from '../svg/load-svg.js';
import { imageFailure } from '../transform/image-failure.js';
import { walkGif } from './gif-blocks.js';
import { QUICK_BYTES, quickHeader, type QuickHeader } from './quick-header.js';
import { SNIFF_BYTES, sniffFormat } from './sniff-format.js';
import { isLosslessWebp, type ReadAt } from './webp-codec.js';

export interface ProbeLimits {
  /** `IMAGE_MAX_PIXELS`: all frames of an animation together. */
  readonly maxPixels: number;
  /** `IMAGE_MAX_FRAMES`. */
  readonly maxFrames: number;
  /** `IMAGE_SVG`. */
  readonly svg: boolean;
  /** Page of a TIFF whose size is wanted, from 0: pages differ in size. Other formats ignore it. */
  readonly page?: number;
}

/** The limits that the settings give. */
export function probeLimits({ values }: Settings, page?: number): ProbeLimits {
  return {
    maxPixels: values.IMAGE_MAX_PIXELS,
    maxFrames: values.IMAGE_MAX_FRAMES,
    svg: values.IMAGE_SVG,
    ...(page === undefined ? {} : { page }),
  };
}

/**
 * What the header of a picture says, without decoding a pixel: its cost does not depend on the dimensions, and on
 * the length only for GIF, whose blocks are walked because its decoder forgives truncation.
 *
 * @throws PlimsollError `not-an-image`, `undecodable-image` (type known, header damaged, or a GIF that breaks off), `image-too-many-pixels`,
 *   `invalid-parameter` (a page that the TIFF does not have), `memory-pressure`.
 */
export async function probeHeader(input: ImageInput, limits: ProbeLimits): Promise<ImageHeader> {
  const { format, bytes, lossless, quick } = await readHead(input, limits);
  if (format === 'svg') return probeSvg(input, bytes, limits);
  const facts = quick ?? (await readFacts(input, format, limits));
  const header: ImageHeader = { format, ...facts, bytes, ...(lossless === undefined ? {} : { lossless }) };
  checkLimits(header, limits);
  return Object.freeze(header);
}

/** What sharp says of a header. */
async function readFacts(input: ImageInput, format: SourceFormat, limits: ProbeLimits): Promise<QuickHeader> {
  const metadata = await readMetadata(input, format === 'tiff' ? (limits.page ?? 0) : 0);
  if (format === 'avif' && metadata.compression !== undefined && metadata.compression !== 'av1') {
    throw notAnImage('HEIC', limits);
  }
  return {
    width: metadata.width,
    height: metadata.height,
    pages: format === 'avif' ? 1 : (metadata.pages ?? 1),
    channels: metadata.channels,
    bitsPerSample: BITS[metadata.depth] ?? 8,
    hasAlpha: metadata.hasAlpha,
    progressive: metadata.isProgressive,
    orientation: orientation(metadata),
    ...(format === 'jpeg' ? { chromaSubsampling: chroma(metadata) } : {}),
  };
}

const BITS: Readonly<Record<string, number>> = {
  char: 8,
  uchar: 8,
  short: 16,
  ushort: 16,
  int: 32,
  uint: 32,
  float: 32,
  double: 64,
};

const SUPPORTED = 'JPEG, PNG, WebP, GIF, TIFF and AVIF';

function notAnImage(what: string, limits: ProbeLimits): PlimsollError {
  const supported = limits.svg ? `${SUPPORTED}, and SVG` : SUPPORTED;
  return new PlimsollError('not-an-image', `The bytes look like ${what}; supported are ${supported}.`);
}

interface Head {
  readonly format: SourceFormat;
  readonly bytes: number;
  /** WebP only. */
  readonly lossless: boolean | undefined;
  /** Where the first bytes said it all. */
  readonly quick: QuickHeader | undefined;
}

async function readHead(input: ImageInput, limits: ProbeLimits): Promise<Head> {
  if (typeof input !== 'string') {
    return inspect(
      (offset, length) => Promise.resolve(input.subarray(offset, offset + length)),
      input.length,
      limits,
    );
  }
  try {
    const file = await open(input, 'r');
    try {
      const readAt: ReadAt = async (offset, length) => {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      };
      return await inspect(readAt, (await file.stat()).size, limits);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw imageFailure(error);
  }
}

async function inspect(readAt: ReadAt, bytes: number, limits: ProbeLimits): Promise<Head> {
  const head = await readAt(0, QUICK_BYTES);
  const sniffed = sniffFormat(head.subarray(0, SNIFF_BYTES));
  if (sniffed.kind === 'other') throw notAnImage(sniffed.what, limits);
  const { format } = sniffed;
  if (format === 'svg' && !limits.svg)
    throw notAnImage('SVG, which is switched off here (IMAGE_SVG)', limits);
  if (format === 'gif') await checkGif(readAt, limits);
  const lossless = format === 'webp' ? await isLosslessWebp(readAt) : undefined;
  return { format, bytes, lossless, quick: quickHeader(format, head) };
}

async function checkGif(readAt: ReadAt, { maxFrames }: ProbeLimits): Promise<void> {
  const { frames, truncated } = await walkGif(readAt, maxFrames);
  if (frames > maxFrames) throw tooManyFrames(maxFrames);
  if (truncated) {
    throw new PlimsollError(
      'undecodable-image',
      'The image could not be decoded: it is damaged or truncated.',
      {
        logMessage: `GIF breaks off inside block after frame ${frames}`,
      },
    );
  }
}

/** sharp's own pixel limit is off here: dimensions are judged by {@link checkLimits}, which says what is allowed. */
async function readMetadata(input: ImageInput, page: number): Promise<Metadata> {
  try {
    return await sharp(input, {
      limitInputPixels: false,
      failOn: 'error',
      ...(page === 0 ? {} : { page }),
    }).metadata();
  } catch (error) {
    if (page > 0 && error instanceof Error && /page/i.test(error.message)) throw pageMissing(page);
    throw imageFailure(error);
  }
}

const pageMissing = (page: number): PlimsollError =>
  new PlimsollError(
    'invalid-parameter',
    `Parameter "page" must name a page that the image has, got ${page}.`,
    {
      details: { parameter: 'page' },
    },
  );

async function probeSvg(input: ImageInput, bytes: number, limits: ProbeLimits): Promise<ImageHeader> {
  const clean = await loadSvg(input);
  const metadata = await readMetadata(clean, 0);
  const header: ImageHeader = {
    format: 'svg',
    width: metadata.width,
    height: metadata.height,
    pages: 1,
    channels: 4,
    bitsPerSample: 8,
    hasAlpha: true,
    progressive: false,
    svgComplex: isComplexSvg(clean),
    orientation: 1,
    bytes,
  };
  checkLimits(header, limits);
  return Object.freeze(header);
}

function orientation({ orientation: value }: Metadata): number {
  return value !== undefined && value >= 1 && value <= 8 ? value : 1;
}

function chroma({ space, chromaSubsampling }: Metadata): NonNullable<ImageHeader['chromaSubsampling']> {
  if (space === 'cmyk') return 'cmyk';
  return chromaSubsampling === '4:2:0' || chromaSubsampling === '4:2:2' || chromaSubsampling === '4:4:4'
    ? chromaSubsampling
    : 'other';
}

function tooManyFrames(maxFrames: number): PlimsollError {
  return new PlimsollError(
    'image-too-many-pixels',
    `The image has more than the ${maxFrames} frames that are allowed.`,
    {
      details: { maxFrames },
    },
  );
}

/** Frames of an animation are all decoded, of a TIFF one page only. */
function checkLimits(header: ImageHeader, { maxPixels, maxFrames }: ProbeLimits): void {
  const { format, width, height } = header;
  const frames = format === 'gif' || format === 'webp' ? header.pages : 1;
  if (frames > maxFrames) throw tooManyFrames(maxFrames);
  const pixels = width * height * frames;
  if (pixels > maxPixels) {
    const times = frames > 1 ? ` × ${frames} frames` : '';
    throw new PlimsollError(
      'image-too-many-pixels',
      `The image has ${pixels} pixels (${width} × ${height}${times}); at most ${maxPixels} are allowed.`,
      { details: { pixels, maxPixels } },
    );
  }
}
