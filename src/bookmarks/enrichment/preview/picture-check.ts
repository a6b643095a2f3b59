import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { DerivedImages, type ImageAnswer, type RequestContext } from '../../../images/index.js';
import type { PreviewCandidate } from '../../model/bookmark.js';
import { Pictures, type PictureParameters } from './pictures.js';

/** Why a picture that decodes is no preview: too small to see, or nothing on it. */
export type PictureVerdict = 'good' | 'tiny' | 'blank';

/** Shorter sides are tracking pixels, spacers and bullets. */
const SMALLEST_SIDE = 50;

/** The picture is judged at this size: a line of text on a page of one colour still shows. */
const SAMPLE_SIDE = 32;

/** Channels that vary by no more than this hold one colour and the noise of a lossy codec (chosen). */
const NOISE = 6;

/** Pixels below this alpha are not seen. */
const SEEN_ALPHA = 8;

/** Larger variants (very tall pictures, long animations) are not looked at: no blank is that large. */
const MAX_VARIANT_BYTES = 2 * 1024 ** 2;
const MAX_VARIANT_PIXELS = 480 * 4_096;

/** What lists of bookmarks show, `?w=480&format=webp`: made here, so that it is there before anyone asks. */
export const SMALL_PREVIEW: PictureParameters = Object.freeze({
  width: 480,
  dpr: 1,
  fit: 'cover',
  position: 'center',
  format: 'webp',
  flip: false,
  flop: false,
  animated: true,
  enlarge: false,
});

/** Makes the small variant of a candidate, which stores its original too, and looks at what is on it. */
@Injectable()
export class PictureCheck {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly pictures: Pictures,
    private readonly derived: DerivedImages,
  ) {}

  /**
   * @returns the verdict, and whether the origin was asked for it
   * @throws the codes of the pipeline of images: what it throws is no preview now
   */
  async look(
    candidate: PreviewCandidate,
    context: RequestContext,
  ): Promise<{ readonly verdict: PictureVerdict; readonly asked: boolean }> {
    const askedAt = this.clock.now();
    const answer = await this.pictures.get(candidate, SMALL_PREVIEW, context);
    const asked = answer.outcome.kind === 'miss' && answer.record.createdAt >= askedAt;
    const { header } = answer.record;
    if (header.format !== 'svg' && Math.min(header.width, header.height) < SMALLEST_SIDE) {
      return { verdict: 'tiny', asked };
    }
    return { verdict: (await this.isBlank(answer, context.signal)) ? 'blank' : 'good', asked };
  }

  private async isBlank(answer: ImageAnswer, signal: AbortSignal): Promise<boolean> {
    const pixels = Number(answer.facts['width']) * Number(answer.facts['height']);
    if (answer.bytes > MAX_VARIANT_BYTES || !(pixels <= MAX_VARIANT_PIXELS)) return false;
    const bytes = await bytesOf(answer);
    const rgba = await this.derived.run('look at preview', { class: 'background', signal }, (engine) =>
      // The first frame, squeezed into a small square.
      engine(bytes, { limitInputPixels: MAX_VARIANT_PIXELS })
        .resize(SAMPLE_SIDE, SAMPLE_SIDE, { fit: 'fill' })
        .toColourspace('srgb')
        .ensureAlpha()
        .raw()
        .toBuffer(),
    );
    return isOneColour(rgba);
  }
}

/** Nothing to be seen, or one colour all over. */
export function isOneColour(rgba: Uint8Array): boolean {
  const lowest = [255, 255, 255, 255];
  const highest = [0, 0, 0, 0];
  let seen = 0;
  for (let at = 0; at + 3 < rgba.length; at += 4) {
    const alpha = rgba[at + 3] ?? 0;
    lowest[3] = Math.min(lowest[3] ?? 0, alpha);
    highest[3] = Math.max(highest[3] ?? 0, alpha);
    if (alpha < SEEN_ALPHA) continue;
    seen += 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const value = rgba[at + channel] ?? 0;
      lowest[channel] = Math.min(lowest[channel] ?? 0, value);
      highest[channel] = Math.max(highest[channel] ?? 0, value);
    }
  }
  if (seen === 0) return true;
  return lowest.every((low, channel) => (highest[channel] ?? 0) - low <= NOISE);
}

async function bytesOf(answer: ImageAnswer): Promise<Buffer> {
  if (answer.body.kind === 'buffer') return answer.body.buffer;
  const opened = await answer.body.open();
  if (opened === null) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of opened.stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
