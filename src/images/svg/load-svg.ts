import { open } from 'node:fs/promises';
import { PlimsollError } from '../../errors/index.js';
import type { ImageInput } from '../image-input.js';
import { imageFailure } from '../transform/image-failure.js';

/**
 * Reads an SVG, bounded, and sanitises it. No SVG reaches the renderer another way, not even for its size.
 *
 * @throws what `sanitiseSvg` throws; `storage-unavailable` when the file is gone.
 */
export async function loadSvg(input: ImageInput): Promise<Buffer> {
  // The parser is loaded with the first drawing: most servers never see one.
  const { sanitiseSvg, SVG_LIMITS } = await import('./sanitise-svg.js');
  return sanitiseSvg(typeof input === 'string' ? await readBounded(input, SVG_LIMITS.maxBytes) : input);
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw new PlimsollError(
          'source-too-large',
          `An SVG may have at most ${maxBytes} bytes, got ${size}.`,
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw imageFailure(error);
  }
}

/** Whether rendering needs surfaces beside the output: 36 instead of 5 bytes a pixel (`memory.md`, cost model). */
export function isComplexSvg(clean: Buffer): boolean {
  return /<(?:filter|mask|pattern|image|clipPath|text)\b|[\s;"{](?:mix-blend-mode|opacity|isolation)\s*[:=]/.test(
    clean.toString('utf8'),
  );
}
