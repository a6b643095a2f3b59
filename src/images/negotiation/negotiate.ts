import type { OutputFormat, SourceFormat } from '../../image-memory/index.js';
import type { RequestedFormat } from '../image-request.js';
import { acceptClass, type AcceptClass } from './accept-class.js';

/** What the choice of a format depends on. */
export interface FormatFacts {
  readonly format: SourceFormat;
  /** Has the source an alpha channel that is not flattened? Padding does not count: it would turn photographs into PNG. */
  readonly hasAlpha: boolean;
  /** Will the result move? */
  readonly animated: boolean;
}

export interface NegotiationHints {
  /** Is AVIF affordable for this output? See {@link isAvifAffordable}. */
  readonly avifAllowed: boolean;
  /** Memory is short: no costly encoding where the client leaves the choice to us. */
  readonly cheaper: boolean;
}

/**
 * Largest output that `auto` encodes as AVIF, pixels: an encode needs 38 bytes a pixel (`memory.md`, cost model)
 * and 60 to 490 ms a megapixel, WebP 6 bytes and 35 to 65 ms. A megapixel holds an AVIF at 60 MiB.
 */
export const AVIF_MAX_AUTO_PIXELS = 1024 * 1024;

/** Whether `auto` may answer with AVIF at this output size. An explicit `format=avif` is always obeyed. */
export function isAvifAffordable(width: number, height: number): boolean {
  return width * height <= AVIF_MAX_AUTO_PIXELS;
}

/**
 * The format of the answer; never refuses. A named format is obeyed, `auto` goes by {@link acceptClass} and falls
 * back to the source's family. `original` has no encoder and is handled before.
 */
export function negotiate(
  accept: string | undefined,
  requested: Exclude<RequestedFormat, 'original'>,
  facts: FormatFacts,
  hints: NegotiationHints,
): OutputFormat {
  return negotiateByClass(acceptClass(accept), requested, facts, hints);
}

/** {@link negotiate} for callers that already hold the class. */
export function negotiateByClass(
  accepted: AcceptClass,
  requested: Exclude<RequestedFormat, 'original'>,
  facts: FormatFacts,
  hints: NegotiationHints,
): OutputFormat {
  if (requested !== 'auto') return requested;
  const avif = accepted === 'avif+webp' || accepted === 'avif';
  const webp = accepted === 'avif+webp' || accepted === 'webp';
  if (avif && hints.avifAllowed && !hints.cheaper && !facts.animated) return 'avif';
  return webp ? 'webp' : family(facts);
}

/** What every client that can show the source can show as well, without losing transparency or movement. */
function family({ format, hasAlpha, animated }: FormatFacts): OutputFormat {
  if (format === 'webp') return 'webp';
  if (animated || format === 'gif') return 'gif';
  if (format === 'jpeg' || format === 'png') return format;
  return hasAlpha ? 'png' : 'jpeg';
}
