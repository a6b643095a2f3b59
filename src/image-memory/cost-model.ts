/**
 * What an image operation costs in memory before it runs.
 *
 * Unit: bytes of additional resident memory at the peak of one operation with `sharp.concurrency(1)` and
 * `sharp.cache(false)`. Nothing is decoded to find it: all inputs stand in the header.
 *
 * Formula, in words. A picture is decoded, possibly turned or trimmed, resized through a window of lines, and encoded:
 *
 *     peak = max(FLOOR, MARGIN × (BASE + decode + trim + max(window + whole, max(window, whole, turn) + encode + result)))
 *
 *     W1 × H1  pixels of a frame as the decoder hands them on: JPEG shrinks on load by 8, 4 or 2, lossy WebP and SVG
 *              are rendered near the output size, everything else at full size
 *     decode   what the codec holds at once: coefficients of a progressive JPEG, the canvas of GIF and WebP, frame
 *              buffers of AVIF, surfaces of an SVG; WebP and GIF files are mapped or read whole, and count
 *     window   lines that libvips keeps for the resize: min(1.7 × H1, 1700) × W1 × bytes per pixel
 *     whole    EXIF orientations from 3 up, right angles and strategies of cropping need the scaled picture whole, before
 *              anything is cut off it: beside the window while it fills, beside the encoder afterwards
 *     turn     by any other angle: 2.7 times the scaled picture, or the whole source where the turn comes first
 *     trim     a pass of its own: the picture whole for the search, and whole again as its result
 *     encode   what the encoder holds, per pixel of one output frame
 *     result   the encoded bytes, over all frames
 *
 * Constants are measurements, each operation in a process of its own, by the kernel's reset high-water mark of RSS
 * (sharp 0.35.5, libvips 8.18.7, tuned glibc): 3 to 48 MP, all formats, upright, wide and tall, alpha and animation.
 *
 * Neglected: 10- and 12-bit AVIF, animated AVIF, extreme ICC profiles, overlays. Parallel operations add up linearly
 * (measured). The width × height × channels that other servers use was too low for 7 of 10 random operations, by a
 * factor of 12 at worst.
 */
import type { CostInputs } from './cost-inputs.js';
import { decodeBytes } from './cost-of-decoding.js';
import { encodeBytes } from './cost-of-encoding.js';
import type { ImageHeader, ImageOperation } from './image-header.js';

const MIB = 1024 ** 2;

/** No operation counts for less: threads, line buffers, allocator granularity. */
export const SMALLEST_ESTIMATE_BYTES = 16 * MIB;

/** Pictures of one size and format differ (chosen by bench:cost-model, see docs/cost-model.md). */
const MARGIN = 1.04;

/** Pipeline of an operation that has next to no pixels. */
const BASE_BYTES = 5 * MIB;

/** Lines of the read-ahead cache and the resize at their largest; a low, wide picture takes more than it has. */
const WINDOW_LINES = 1_700;
const WINDOW_LINES_PER_LINE = 1.7;

/** A turn by any angle works on the whole of what it turns: 8 bytes measured for 3 a pixel, 10.5 for 4. */
const ANY_ANGLE_FACTOR = 2.7;

/** Trim keeps the picture whole for its search and most of it again as its result. */
const TRIM_FACTOR = 1.6;

/** From this EXIF orientation on the pixels are needed in another order than they are read. */
const FIRST_TURNED_ORIENTATION = 3;
/** From this one on width and height change places. */
const FIRST_LYING_ORIENTATION = 5;

/**
 * Peak bytes of one operation, a whole number of at least 16 MiB. Never throws, never `NaN`: what the header does not
 * say counts as the worst it could be.
 */
export function estimateOperationBytes(header: ImageHeader, operation: ImageOperation): number {
  const inputs = clampInputs(header, operation);
  const windowed = windowBytes(inputs);
  const whole = wholeBytes(header, operation, inputs);
  const sumBytes =
    BASE_BYTES +
    decodeBytes(header, inputs) +
    trimBytes(operation, inputs) +
    Math.max(
      windowed + whole,
      Math.max(windowed, whole, anyAngleBytes(operation, inputs)) + encodeBytes(operation, inputs),
    );
  return Math.ceil(Math.max(SMALLEST_ESTIMATE_BYTES, MARGIN * sumBytes));
}

/** The one place where insane inputs are brought into range. */
function clampInputs(header: ImageHeader, operation: ImageOperation): CostInputs {
  const width = sane(header.width, 1, 1_000_000);
  const height = sane(header.height, 1, 1_000_000);
  const pages = sane(operation.pages, 1, 100_000);
  const outputWidth = sane(operation.outputWidth, 1, 100_000);
  const outputHeight = sane(operation.outputHeight, 1, 100_000);
  const scale = scaleDown(header, operation, { width, height, outputWidth, outputHeight });
  // Trim, and a turn before the resize, look at the whole picture first.
  const factor = operation.trim ? 1 : shrinkOnLoad(header, scale, pages > 1);
  return {
    width,
    height,
    bytesPerPixel: sane(header.channels, 1, 5) * Math.ceil(sane(header.bitsPerSample, 1, 64) / 8),
    fileBytes: sane(header.bytes, 0, 2 ** 32),
    pages,
    shrunkWidth: Math.ceil(width / factor),
    shrunkHeight: Math.ceil(height / factor),
    scaledPixels: (width * height) / scale ** 2,
    outputWidth,
    outputHeight,
  };
}

/** `value` within its range; what is no number at all counts as the largest, for an unknown must not look small. */
const sane = (value: number, min: number, max: number): number =>
  Number.isNaN(value) ? max : Math.min(max, Math.max(min, value));

/** How much smaller the result is than the source, by the side that shrinks less; below 1 it grows. */
function scaleDown(
  header: ImageHeader,
  operation: ImageOperation,
  {
    width,
    height,
    outputWidth,
    outputHeight,
  }: Pick<CostInputs, 'width' | 'height' | 'outputWidth' | 'outputHeight'>,
): number {
  const upright = Math.min(width / outputWidth, height / outputHeight);
  const lying = Math.min(width / outputHeight, height / outputWidth);
  // A right angle may be a half turn, and others lie between: the less favourable of the two.
  if (operation.rotation !== 'none') return Math.min(upright, lying);
  return header.orientation >= FIRST_LYING_ORIENTATION ? lying : upright;
}

/** By how much the decoder itself shrinks each side; below 1 for a drawing that is enlarged. */
function shrinkOnLoad(header: ImageHeader, scale: number, animated: boolean): number {
  if (header.format === 'jpeg') return jpegShrink(scale);
  if (header.format === 'svg') return scale;
  if (header.format === 'webp' && header.lossless !== true && !animated) return Math.max(1, scale);
  return 1;
}

/** 8, 4, 2 or 1; sharp leaves a last factor of two to its own kernel when the scale just reaches the step. */
function jpegShrink(scale: number): number {
  const step = scale >= 8 ? 8 : scale >= 4 ? 4 : scale >= 2 ? 2 : 1;
  return step > 1 && Math.floor(scale) === step ? step / 2 : step;
}

/** The frames of an animation lie under each other: together they fill the window. */
function windowBytes({ bytesPerPixel, pages, shrunkWidth, shrunkHeight }: CostInputs): number {
  const lines = Math.min(WINDOW_LINES, WINDOW_LINES_PER_LINE * shrunkHeight * pages);
  return lines * shrunkWidth * bytesPerPixel;
}

/** A turn and a search come after the resize and before the crop. */
function wholeBytes(header: ImageHeader, operation: ImageOperation, inputs: CostInputs): number {
  if (operation.rotation === 'any-angle') return 0;
  const turned = operation.rotation === 'right-angle' || header.orientation >= FIRST_TURNED_ORIENTATION;
  if (!turned && operation.smartCrop !== true) return 0;
  return inputs.bytesPerPixel * inputs.scaledPixels * inputs.pages;
}

function anyAngleBytes(operation: ImageOperation, inputs: CostInputs): number {
  if (operation.rotation !== 'any-angle') return 0;
  const turnedPixels = operation.trim
    ? Math.max(inputs.scaledPixels, inputs.width * inputs.height)
    : inputs.scaledPixels;
  return ANY_ANGLE_FACTOR * inputs.bytesPerPixel * turnedPixels;
}

const trimBytes = (operation: ImageOperation, { bytesPerPixel, width, height }: CostInputs): number =>
  operation.trim ? TRIM_FACTOR * bytesPerPixel * width * height : 0;
