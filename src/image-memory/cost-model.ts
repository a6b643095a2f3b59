/**
 * What an image operation costs in memory before it runs.
 *
 * Unit: bytes of additional resident memory at the peak of one operation with `sharp.concurrency(1)` and
 * `sharp.cache(false)`. Nothing is decoded to find it: all inputs stand in the header.
 *
 * Formula, in words. A picture is decoded, possibly turned, resized through a window of lines, and encoded:
 *
 *     peak = max(FLOOR, MARGIN × (BASE + decode + turn + trim + encode + result))
 *
 *     W1 × H1  pixels of a frame as the decoder hands them on: JPEG shrinks on load by 8, 4 or 2, WebP and SVG
 *              are rendered near the output size, everything else at full size
 *     window   lines that libvips keeps for the resize: min(H1, WINDOW_LINES) × W1 × bytes per pixel
 *     decode   what the codec holds at once (coefficients of a progressive JPEG, the canvas of GIF and lossless
 *              WebP, the frame buffers of AVIF, the filter surfaces of an SVG) plus the window
 *     turn     a quarter turn or a vertical flip by EXIF needs the shrunk picture whole; any other angle more
 *     encode   what the encoder holds, per output pixel over all frames
 *     result   the encoded bytes themselves
 *
 * Constants are measurements on 3 to 48 MP pictures, each in a process of its own, by the reset high-water mark of
 * the kernel (sharp 0.35, libvips 8.18); `docs/cost-model.md` holds the table and the gate that keeps them true.
 *
 * Neglected: 10- and 12-bit AVIF, animated AVIF, multi-page TIFF read page by page, extreme ICC profiles, overlays,
 * and sharing between parallel operations (they add up linearly, measured). The width × height × channels that
 * other servers use is too low for 7 of 10 operations and by a factor of 12 at worst.
 */
import type { ImageHeader, ImageOperation } from './image-header.js';

const MIB = 1024 ** 2;

/** No operation counts for less: threads, line buffers, allocator granularity. */
export const SMALLEST_ESTIMATE_BYTES = 16 * MIB;

/** The raw sum was at most 13 % too low over 400 operations. */
const MARGIN = 1.15;

/** Pipeline of an operation that has next to no pixels. */
const BASE_BYTES = 8 * MIB;

/** Lines of the sequential read-ahead cache at its largest (measured 1600 to 1700). */
const WINDOW_LINES = 1_700;

/** Encoded bytes per output pixel, libvips' buffer and our copy together; 4 pictures in 100 have more. */
const RESULT_BYTES_PER_PIXEL = 0.4;

/** Progressive JPEG keeps 2 bytes per DCT coefficient of the whole picture; coefficients per pixel by subsampling. */
const COEFFICIENT_BYTES = 2;
const COEFFICIENTS_PER_PIXEL = { '4:2:0': 1.5, '4:2:2': 2, '4:4:4': 3, cmyk: 4, other: 4 } as const;

const RGBA_BYTES = 4;

/** An animation keeps the canvas before it; WebP two of them. */
const GIF_ANIMATION_BYTES_PER_PIXEL = 4;
const WEBP_ANIMATION_BYTES_PER_PIXEL = 8;

/** Frame buffers of the AV1 decoder, and of an SVG with filters, masks, patterns, images, clip paths or text. */
const AVIF_DECODE_BYTES_PER_PIXEL = 20;
const SVG_PLAIN_BYTES_PER_PIXEL = 5;
const SVG_COMPLEX_BYTES_PER_PIXEL = 36;

const ANY_ANGLE_BYTES_PER_PIXEL = 8;

/** Trim reads the whole picture twice: once kept, and a little more (3.5 measured for 3 bytes a pixel). */
const TRIM_FACTOR = 1.17;

/** From this EXIF orientation on the pixels are needed in another order than they are read. */
const FIRST_TURNED_ORIENTATION = 3;
/** From this one on width and height change places. */
const FIRST_LYING_ORIENTATION = 5;

/** Encoders, bytes per output pixel. */
const ENCODE = {
  jpegOptimised: 6.5,
  jpegPlain: 0.3,
  png: 1,
  pngPalette: 6,
  webp: 6,
  webpAlpha: 15,
  webpLossless: 30,
  avif: 38,
  avifAlpha: 47,
  gif: 13.5,
} as const;

/** Tables of the AV1 encoder, whatever the size. */
const AVIF_ENCODER_BYTES = 20 * MIB;

/** Header and operation with insane numbers brought into range, see {@link sane}. */
interface Inputs {
  readonly width: number;
  readonly height: number;
  readonly pixels: number;
  readonly bytesPerPixel: number;
  readonly pages: number;
  readonly outputPixels: number;
  readonly animated: boolean;
}

/** Decoder output of one frame, pixels. */
interface Shrunk {
  readonly width: number;
  readonly height: number;
}

/**
 * Peak bytes of one operation, a whole number of at least 16 MiB. Never throws, never `NaN`: what the header does not
 * say counts as the worst it could be.
 */
export function estimateOperationBytes(header: ImageHeader, operation: ImageOperation): number {
  const inputs = clampInputs(header, operation);
  const shrunk = shrinkOnLoad(header, operation, inputs);
  const sumBytes =
    BASE_BYTES +
    decodeBytes(header, inputs, shrunk) +
    turnBytes(header, operation, inputs, shrunk) +
    (operation.trim ? TRIM_FACTOR * inputs.bytesPerPixel * inputs.pixels : 0) +
    encodeBytes(operation, inputs.outputPixels) +
    RESULT_BYTES_PER_PIXEL * inputs.outputPixels;
  return Math.ceil(Math.max(SMALLEST_ESTIMATE_BYTES, MARGIN * sumBytes));
}

/** The one place where insane inputs are brought into range. */
function clampInputs(header: ImageHeader, operation: ImageOperation): Inputs {
  const width = sane(header.width, 1, 1_000_000);
  const height = sane(header.height, 1, 1_000_000);
  const pages = sane(operation.pages, 1, 100_000);
  const channels = sane(header.channels, 1, 5);
  const sampleBytes = Math.ceil(sane(header.bitsPerSample, 1, 64) / 8);
  const outputPixels =
    sane(operation.outputWidth, 1, 100_000) * sane(operation.outputHeight, 1, 100_000) * pages;
  return {
    width,
    height,
    pixels: width * height,
    bytesPerPixel: channels * sampleBytes,
    pages,
    outputPixels,
    animated: pages > 1,
  };
}

/** `value` within its range; what is no number at all counts as the largest, for an unknown must not look small. */
const sane = (value: number, min: number, max: number): number =>
  Number.isNaN(value) ? max : Math.min(max, Math.max(min, value));

function shrinkOnLoad(
  header: ImageHeader,
  operation: ImageOperation,
  { width, height, animated }: Inputs,
): Shrunk {
  const scale = scaleDown(header, operation, width, height);
  // Trim, and a turn by any angle, look at the whole picture first.
  const factor =
    operation.trim || operation.rotation === 'any-angle' ? 1 : shrinkFactor(header, scale, animated);
  return { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
}

/** How much smaller the result is than the source, by the side that shrinks less; below 1 it grows. */
function scaleDown(header: ImageHeader, operation: ImageOperation, width: number, height: number): number {
  const outputWidth = sane(operation.outputWidth, 1, 100_000);
  const outputHeight = sane(operation.outputHeight, 1, 100_000);
  const upright = Math.min(width / outputWidth, height / outputHeight);
  const lying = Math.min(width / outputHeight, height / outputWidth);
  // A right angle may be a half turn: the less favourable of the two.
  if (operation.rotation === 'right-angle') return Math.min(upright, lying);
  return header.orientation >= FIRST_LYING_ORIENTATION ? lying : upright;
}

function shrinkFactor(header: ImageHeader, scale: number, animated: boolean): number {
  if (header.format === 'jpeg') return jpegShrink(scale);
  if (header.format === 'svg') return scale; // rendered at the target size, larger ones included
  if (header.format === 'webp' && header.lossless !== true && !animated) return Math.max(1, scale);
  return 1;
}

/** 8, 4, 2 or 1; sharp leaves a last factor of two to its own kernel when the scale just reaches the step. */
function jpegShrink(scale: number): number {
  const step = scale >= 8 ? 8 : scale >= 4 ? 4 : scale >= 2 ? 2 : 1;
  return step > 1 && Math.floor(scale) === step ? step / 2 : step;
}

function decodeBytes(header: ImageHeader, inputs: Inputs, shrunk: Shrunk): number {
  const { pixels, bytesPerPixel, pages, animated } = inputs;
  const shrunkPixels = shrunk.width * shrunk.height;
  const windowBytes = Math.min(shrunk.height * pages, WINDOW_LINES) * shrunk.width * bytesPerPixel;
  switch (header.format) {
    case 'jpeg':
      return windowBytes + (header.progressive ? COEFFICIENT_BYTES * coefficients(header) * pixels : 0);
    case 'png':
      return windowBytes + (header.progressive ? bytesPerPixel * pixels : 0);
    case 'webp':
      if (header.lossless !== true && !animated) return RGBA_BYTES * shrunkPixels;
      return windowBytes + (RGBA_BYTES + (animated ? WEBP_ANIMATION_BYTES_PER_PIXEL : 0)) * pixels;
    case 'gif':
      return windowBytes + (RGBA_BYTES + (animated ? GIF_ANIMATION_BYTES_PER_PIXEL : 0)) * pixels;
    case 'avif':
      return windowBytes + AVIF_DECODE_BYTES_PER_PIXEL * pixels;
    case 'tiff':
      return windowBytes;
    case 'svg':
      return (
        (header.svgComplex === false ? SVG_PLAIN_BYTES_PER_PIXEL : SVG_COMPLEX_BYTES_PER_PIXEL) * shrunkPixels
      );
  }
}

function coefficients(header: ImageHeader): number {
  if (header.channels === 1) return 1;
  return COEFFICIENTS_PER_PIXEL[header.chromaSubsampling ?? 'other'];
}

function turnBytes(header: ImageHeader, operation: ImageOperation, inputs: Inputs, shrunk: Shrunk): number {
  if (operation.rotation === 'any-angle') return ANY_ANGLE_BYTES_PER_PIXEL * inputs.pixels;
  const turned = operation.rotation === 'right-angle' || header.orientation >= FIRST_TURNED_ORIENTATION;
  return turned ? inputs.bytesPerPixel * shrunk.width * shrunk.height * inputs.pages : 0;
}

function encodeBytes(operation: ImageOperation, outputPixels: number): number {
  switch (operation.format) {
    case 'jpeg':
      return (operation.optimiseCoding ? ENCODE.jpegOptimised : ENCODE.jpegPlain) * outputPixels;
    case 'png':
      return (operation.palette ? ENCODE.pngPalette : ENCODE.png) * outputPixels;
    case 'webp':
      if (operation.lossless) return ENCODE.webpLossless * outputPixels;
      return (operation.outputAlpha ? ENCODE.webpAlpha : ENCODE.webp) * outputPixels;
    case 'avif':
      return (operation.outputAlpha ? ENCODE.avifAlpha : ENCODE.avif) * outputPixels + AVIF_ENCODER_BYTES;
    case 'gif':
      return ENCODE.gif * outputPixels;
  }
}
