import type { CostInputs } from './cost-inputs.js';
import type { ImageHeader } from './image-header.js';

/** Progressive JPEG keeps 2 bytes per DCT coefficient of the whole picture; coefficients per pixel by subsampling. */
const COEFFICIENT_BYTES = 2;
const COEFFICIENTS_PER_PIXEL = { '4:2:0': 1.5, '4:2:2': 2, '4:4:4': 3, cmyk: 4.2, other: 4.2 } as const;

const RGBA_BYTES = 4;

/** The alpha plane of a lossy WebP is decoded at full size, however small the result: 1 byte a pixel, 4 more when it is soft. */
const WEBP_ALPHA_BYTES_PER_PIXEL = 5;

/** An animation keeps the canvas before it; WebP two of them, and every frame as large as the result wants it. */
const GIF_ANIMATION_BYTES_PER_PIXEL = 4;
const WEBP_ANIMATION_BYTES_PER_PIXEL = 8;
const WEBP_ANIMATION_BYTES_PER_OUTPUT_PIXEL = 4.3;

/** Frame buffers of the AV1 decoder. */
const AVIF_BYTES_PER_PIXEL = 20;

/** Surfaces of a drawing, without and with filters, masks, patterns, images, clip paths or text. */
const SVG_PLAIN_BYTES_PER_PIXEL = 4;
const SVG_COMPLEX_BYTES_PER_PIXEL = 28;

/** What the decoder holds at its peak, bytes; the window of the resize comes on top. */
export function decodeBytes(header: ImageHeader, inputs: CostInputs): number {
  const { width, height, bytesPerPixel, fileBytes, pages, shrunkWidth, shrunkHeight } = inputs;
  const pixels = width * height;
  switch (header.format) {
    case 'jpeg':
      return header.progressive ? COEFFICIENT_BYTES * coefficients(header) * pixels : 0;
    case 'png':
      return header.progressive ? bytesPerPixel * pixels : 0;
    case 'tiff':
      return 0;
    case 'webp':
      return fileBytes + webpBytes(header, inputs);
    case 'gif':
      return fileBytes + (RGBA_BYTES + (pages > 1 ? GIF_ANIMATION_BYTES_PER_PIXEL : 0)) * pixels;
    case 'avif':
      return fileBytes + AVIF_BYTES_PER_PIXEL * pixels;
    case 'svg': {
      const plain = header.svgComplex === false;
      return (plain ? SVG_PLAIN_BYTES_PER_PIXEL : SVG_COMPLEX_BYTES_PER_PIXEL) * shrunkWidth * shrunkHeight;
    }
  }
}

function webpBytes(header: ImageHeader, inputs: CostInputs): number {
  const { width, height, pages, shrunkWidth, shrunkHeight, outputWidth, outputHeight } = inputs;
  const pixels = width * height;
  if (pages > 1) {
    const outputBytes = WEBP_ANIMATION_BYTES_PER_OUTPUT_PIXEL * outputWidth * outputHeight * pages;
    return (RGBA_BYTES + WEBP_ANIMATION_BYTES_PER_PIXEL) * pixels + outputBytes;
  }
  if (header.lossless === true) return RGBA_BYTES * pixels;
  const alphaBytes = header.hasAlpha ? WEBP_ALPHA_BYTES_PER_PIXEL * pixels : 0;
  return RGBA_BYTES * shrunkWidth * shrunkHeight + alphaBytes;
}

function coefficients(header: ImageHeader): number {
  if (header.channels === 1) return 1;
  return COEFFICIENTS_PER_PIXEL[header.chromaSubsampling ?? 'other'];
}
