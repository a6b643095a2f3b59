import type { Freshness } from '../sources/freshness.js';
import { FOREVER } from '../sources/source-record.js';

/** How an answer came about, for the `Cache-Status` header (RFC 9211). */
export interface CacheOutcome {
  /** `memory` and `store` are hits, `nearby` is another variant in memory, `miss` was made now. */
  readonly kind: 'memory' | 'store' | 'nearby' | 'miss';
  /** The request waited for the work of another one. */
  readonly collapsed?: boolean;
  readonly stale?: boolean;
}

/** `plimsoll; hit; detail=memory`, `plimsoll; fwd=uri-miss; stored; collapsed`, … */
export function cacheStatus(outcome: CacheOutcome): string {
  if (outcome.kind === 'miss') {
    return `plimsoll; fwd=uri-miss; stored${outcome.collapsed === true ? '; collapsed' : ''}`;
  }
  return `plimsoll; hit; detail=${outcome.kind}${outcome.stale === true ? '; fwd=stale' : ''}`;
}

/** A stale or stand-in answer may be reused this long, seconds: short, so that the right one replaces it soon. */
const STAND_IN_SECONDS = 5;

/** An upload never changes, but it can be deleted: shared caches keep it this long, seconds (chosen: a week). */
const UPLOAD_SECONDS = 7 * 86_400;

/** `Cache-Control` for what is left of the freshness at `now` (epoch ms); never beyond `notAfter` (a signature's expiry). */
export function cacheControl(freshness: Freshness, now: number, notAfter = FOREVER): string {
  const lifetime =
    freshness.freshUntil === FOREVER ? UPLOAD_SECONDS : Math.floor((freshness.freshUntil - now) / 1_000);
  const untilExpiry = notAfter === FOREVER ? Infinity : Math.max(0, Math.floor((notAfter - now) / 1_000));
  const maxAge = Math.min(lifetime <= 0 ? STAND_IN_SECONDS : lifetime, untilExpiry);
  if (freshness.freshUntil === FOREVER || untilExpiry < Infinity) return `public, max-age=${maxAge}`;
  const stale = Math.max(0, Math.floor((freshness.staleUntil - Math.max(now, freshness.freshUntil)) / 1_000));
  return `public, max-age=${maxAge}, stale-while-revalidate=${stale}, stale-if-error=${stale}`;
}

/** `Cache-Control` of an answer that stands in for the one asked for. */
export const STAND_IN_CACHE_CONTROL = `public, max-age=${STAND_IN_SECONDS}`;

/**
 * What every image answer carries, whatever its bytes: nothing in it may be sniffed, scripted or framed
 * as a page (an SVG or a polyglot would otherwise run on our origin).
 */
export const IMAGE_HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Disposition', 'inline'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox"],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ['Timing-Allow-Origin', '*'],
];
