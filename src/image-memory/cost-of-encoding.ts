import type { CostInputs } from './cost-inputs.js';
import type { ImageOperation } from './image-header.js';

/** Bytes per pixel that the encoder holds, and that its result has. */
interface EncodeCost {
  readonly work: number;
  readonly result: number;
}

const JPEG: EncodeCost = { work: 6.5, result: 0.4 };
/** Without optimised coding nothing is kept for a second pass. */
const JPEG_PLAIN: EncodeCost = { work: 0.3, result: 0.4 };
/** Noisy pictures have 2.1 to 2.8 bytes a pixel as PNG, with alpha up to 3.8; even ones far fewer. */
const PNG: EncodeCost = { work: 1, result: 2.5 };
const PNG_ALPHA: EncodeCost = { work: 1, result: 3.5 };
const PNG_PALETTE: EncodeCost = { work: 6, result: 1 };
const WEBP: EncodeCost = { work: 6, result: 0.4 };
/** Soft alpha is compressed like a lossless picture of its own; flat alpha takes 15. */
const WEBP_ALPHA: EncodeCost = { work: 26, result: 0.6 };
const WEBP_LOSSLESS: EncodeCost = { work: 30, result: 1.5 };
const WEBP_LOSSLESS_ALPHA: EncodeCost = { work: 38, result: 1.7 };
const AVIF: EncodeCost = { work: 38, result: 0.4 };
const AVIF_ALPHA: EncodeCost = { work: 47, result: 0.4 };
const GIF: EncodeCost = { work: 6, result: 1 };

/** The quantiser behind palettes counts colours until its table is full. GIF at effort 1; 28 bytes a pixel at effort 4. */
const GIF_QUANTISER_BYTES_PER_PIXEL = 12;
const PNG_QUANTISER_BYTES_PER_PIXEL = 45;
const QUANTISER_MOST_BYTES = 80 * 1024 ** 2;

/** Tables of the AV1 encoder, whatever the size, at effort 0; 20 MiB at effort 4. */
const AVIF_ENCODER_BYTES = 6 * 1024 ** 2;

/** Canvases that the encoder of an animation compares, per pixel of a frame (reckoned: four of RGBA). */
const ANIMATION_BYTES_PER_PIXEL = 16;

/** What the encoder holds at its peak, its result included, bytes. Frames are encoded one after the other. */
export function encodeBytes(
  operation: ImageOperation,
  { outputWidth, outputHeight, pages }: CostInputs,
): number {
  const { work, result } = costOf(operation);
  const framePixels = outputWidth * outputHeight;
  const fixedBytes = tableBytes(operation, framePixels);
  const canvasBytes = pages > 1 ? ANIMATION_BYTES_PER_PIXEL * framePixels : 0;
  return fixedBytes + canvasBytes + work * framePixels + result * framePixels * pages;
}

function tableBytes({ format, palette }: ImageOperation, framePixels: number): number {
  if (format === 'avif') return AVIF_ENCODER_BYTES;
  const quantiser = format === 'gif' ? GIF_QUANTISER_BYTES_PER_PIXEL : PNG_QUANTISER_BYTES_PER_PIXEL;
  const quantised = format === 'gif' || (format === 'png' && palette);
  return quantised ? Math.min(QUANTISER_MOST_BYTES, quantiser * framePixels) : 0;
}

function costOf({ format, optimiseCoding, palette, lossless, outputAlpha }: ImageOperation): EncodeCost {
  switch (format) {
    case 'jpeg':
      return optimiseCoding ? JPEG : JPEG_PLAIN;
    case 'png':
      return palette ? PNG_PALETTE : outputAlpha ? PNG_ALPHA : PNG;
    case 'webp':
      if (lossless) return outputAlpha ? WEBP_LOSSLESS_ALPHA : WEBP_LOSSLESS;
      return outputAlpha ? WEBP_ALPHA : WEBP;
    case 'avif':
      return outputAlpha ? AVIF_ALPHA : AVIF;
    case 'gif':
      return GIF;
  }
}
