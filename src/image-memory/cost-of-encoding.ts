import type { CostInputs } from './cost-model.js';
import type { ImageOperation } from './image-header.js';

/** Bytes per pixel that the encoder holds, and that its result has. */
interface EncodeCost {
  readonly work: number;
  readonly result: number;
}

const JPEG: EncodeCost = { work: 6.5, result: 0.4 };
/** Without optimised coding nothing is kept for a second pass. */
const JPEG_PLAIN: EncodeCost = { work: 0.3, result: 0.4 };
/** A photograph as PNG has 2 to 3 bytes a pixel, and the noisy ones are those that matter. */
const PNG: EncodeCost = { work: 1, result: 2 };
const PNG_PALETTE: EncodeCost = { work: 50, result: 0.6 };
const WEBP: EncodeCost = { work: 6, result: 0.4 };
/** Soft alpha is compressed like a lossless picture of its own; flat alpha takes 15. */
const WEBP_ALPHA: EncodeCost = { work: 26, result: 0.6 };
const WEBP_LOSSLESS: EncodeCost = { work: 30, result: 1.5 };
const AVIF: EncodeCost = { work: 38, result: 0.4 };
const AVIF_ALPHA: EncodeCost = { work: 47, result: 0.4 };
/** Quantiser, dithering and the frame before. */
const GIF: EncodeCost = { work: 33, result: 1 };

/** Tables of the AV1 encoder, whatever the size. */
const AVIF_ENCODER_BYTES = 20 * 1024 ** 2;

/** Canvases that the encoder of an animation compares, per pixel of a frame. */
const ANIMATION_BYTES_PER_PIXEL = 16;

/** What the encoder holds at its peak, its result included, bytes. Frames are encoded one after the other. */
export function encodeBytes(
  operation: ImageOperation,
  { outputWidth, outputHeight, pages }: CostInputs,
): number {
  const { work, result } = costOf(operation);
  const framePixels = outputWidth * outputHeight;
  const fixedBytes = operation.format === 'avif' ? AVIF_ENCODER_BYTES : 0;
  const canvasBytes = pages > 1 ? ANIMATION_BYTES_PER_PIXEL * framePixels : 0;
  return fixedBytes + canvasBytes + work * framePixels + result * framePixels * pages;
}

function costOf({ format, optimiseCoding, palette, lossless, outputAlpha }: ImageOperation): EncodeCost {
  switch (format) {
    case 'jpeg':
      return optimiseCoding ? JPEG : JPEG_PLAIN;
    case 'png':
      return palette ? PNG_PALETTE : PNG;
    case 'webp':
      return lossless ? WEBP_LOSSLESS : outputAlpha ? WEBP_ALPHA : WEBP;
    case 'avif':
      return outputAlpha ? AVIF_ALPHA : AVIF;
    case 'gif':
      return GIF;
  }
}
