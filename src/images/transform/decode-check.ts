import type { ImageHeader, ImageOperation } from '../../image-memory/index.js';
import type { ImageInput } from '../image-input.js';
import { sharp } from '../sharp-engine.js';
import { loadSvg } from '../svg/load-svg.js';
import { imageFailure } from './image-failure.js';
import { isAnimation } from './plan-transform.js';

/** Side of what is kept of each frame, pixels: next to nothing, so that 500 frames are half a megabyte. */
const CHECK_SIDE = 16;

/** What {@link decodeCheck} asks of libvips, for the lease. */
export function decodeCheckOperation(header: ImageHeader): ImageOperation {
  return {
    outputWidth: CHECK_SIDE,
    outputHeight: CHECK_SIDE,
    pages: isAnimation(header) ? header.pages : 1,
    format: 'png',
    lossless: false,
    outputAlpha: header.hasAlpha,
    optimiseCoding: false,
    palette: false,
    rotation: 'none',
    trim: false,
  };
}

/**
 * Decodes the whole picture, all frames of an animation, the first page of a TIFF, and throws the pixels away: a
 * picture is valid only when its pixels decoded. Shrinking on load is used where there is one; it skips arithmetic,
 * not data: the decoder still reads the stream to its end, so truncation is found (a spec cuts at ten points).
 *
 * @throws PlimsollError `undecodable-image`, `image-too-many-pixels`, `memory-pressure`; those of SVG sanitising.
 */
export async function decodeCheck(input: ImageInput, header: ImageHeader): Promise<void> {
  try {
    const source = header.format === 'svg' ? await loadSvg(input) : input;
    const pages = isAnimation(header) ? header.pages : 1;
    const { info } = await sharp(source, {
      failOn: 'error',
      limitInputPixels: header.width * header.height * pages,
      ...(pages > 1 ? { animated: true } : {}),
    })
      .resize(CHECK_SIDE, CHECK_SIDE, { fit: 'fill' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.height !== CHECK_SIDE * pages) throw new Error(`${info.height / CHECK_SIDE} of ${pages} frames`);
  } catch (error) {
    throw imageFailure(error);
  }
}
