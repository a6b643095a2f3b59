import CachePolicy from 'http-cache-semantics';
import type { FreshnessHeaders } from '../../remote-fetch/index.js';
import type { Settings } from '../../config/index.js';

/** How long an answer may be used; epoch ms. Up to `freshUntil` as it is, up to `staleUntil` while revalidating or when the origin is down. */
export interface Freshness {
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** Directives by which an origin decides; without one of them the default holds. */
const ORIGIN_DECIDES = /(?:^|[\s,])(?:s-maxage|max-age|no-store|no-cache|private)\b/i;

/**
 * Freshness of an origin's answer as a shared cache sees it (RFC 9111), never below `CACHE_MIN_TTL_MS`
 * nor above `CACHE_MAX_TTL_MS`. The origin's `Age` counts, its clock (`Date`) does not: it may be wrong.
 * No heuristics from `Last-Modified`: the default stands in where the origin is silent.
 */
export function freshnessOf(headers: FreshnessHeaders, now: number, settings: Settings): Freshness {
  const { CACHE_DEFAULT_TTL_MS, CACHE_MIN_TTL_MS, CACHE_MAX_TTL_MS, CACHE_STALE_TTL_MS } = settings.values;
  const decides = ORIGIN_DECIDES.test(headers['cache-control'] ?? '') || headers.expires !== undefined;
  const originMs = decides ? originTtlMs(headers) : CACHE_DEFAULT_TTL_MS;
  const ttlMs = Math.min(CACHE_MAX_TTL_MS, Math.max(CACHE_MIN_TTL_MS, originMs));
  return { freshUntil: now + ttlMs, staleUntil: now + ttlMs + CACHE_STALE_TTL_MS };
}

function originTtlMs(headers: FreshnessHeaders): number {
  const { age, ...withoutAge } = headers;
  const policy = new CachePolicy(
    { headers: {} },
    { status: 200, headers: withoutAge },
    { shared: true, cacheHeuristic: 0 },
  );
  const ageMs = /^\d{1,9}$/.test(age ?? '') ? Number(age) * 1_000 : 0;
  return policy.maxAge() * 1_000 - ageMs;
}
