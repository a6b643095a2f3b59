import type { Sharp } from 'sharp';
import type { OutputFormat } from '../../image-memory/index.js';

/** How the result is written. */
export interface Encoding {
  readonly format: OutputFormat;
  /** 1 to 100 on the scale of JPEG. */
  readonly quality: number;
  /** WebP only. */
  readonly lossless: boolean;
  /** JPEG only: Huffman tables made for the picture (3 % smaller) at 6.9 instead of 0.97 bytes a pixel. */
  readonly optimiseCoding: boolean;
}

/**
 * Efforts, chosen for speed; measured on three photographs of 0.4 to 0.9 megapixels, per megapixel:
 * - WebP 2: 33 to 66 ms. Effort 4, sharp's default, takes twice that for 2 to 4 % fewer bytes at the same PSNR.
 * - AVIF 0: 60 to 130 ms. Effort 1 takes two to four times that for 3 to 8 % fewer bytes, effort 4 twenty times.
 * - GIF 1: 0.5 to 1.6 s. Effort 7, the default, takes 5 to 7 s for 10 % fewer bytes.
 */
const WEBP_EFFORT = 2;
const AVIF_EFFORT = 0;
const GIF_EFFORT = 1;

/**
 * AVIF reaches the PSNR of WebP 80 at 55 (same photographs, two thirds to three quarters of its bytes); below that
 * in proportion, above it in a straight line to 85 at 100, where more bytes buy nothing that can be seen.
 */
export function avifQuality(quality: number): number {
  const mapped = quality <= 80 ? (quality * 55) / 80 : 55 + ((quality - 80) * 30) / 20;
  return Math.max(1, Math.round(mapped));
}

/** Adds the encoder. Metadata, EXIF and profiles included, is left out by sharp unless asked for; nobody asks. */
export function encode(pipeline: Sharp, { format, quality, lossless, optimiseCoding }: Encoding): Sharp {
  switch (format) {
    case 'jpeg':
      return pipeline.jpeg({ quality, optimiseCoding });
    case 'png':
      return pipeline.png();
    case 'webp':
      return pipeline.webp({ quality, lossless, effort: WEBP_EFFORT });
    case 'avif':
      return pipeline.avif({ quality: avifQuality(quality), effort: AVIF_EFFORT });
    case 'gif':
      return pipeline.gif({ effort: GIF_EFFORT });
  }
}

export const CONTENT_TYPES = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
} as const satisfies Record<OutputFormat, string>;
