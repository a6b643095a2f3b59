import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../config/index.js';
import { freshnessOf } from './freshness.js';

const GIB = 1024 ** 3;
const machine = { containerLimitBytes: null, totalMemoryBytes: 8 * GIB, heapLimitBytes: GIB / 2 };
const settings = loadSettings(
  { CACHE_DEFAULT_TTL_MS: '1h', CACHE_MIN_TTL_MS: '60s', CACHE_MAX_TTL_MS: '30d', CACHE_STALE_TTL_MS: '7d' },
  machine,
);
const NOW = Date.UTC(2026, 0, 1);
const ttlSeconds = (headers: Parameters<typeof freshnessOf>[0]): number =>
  (freshnessOf(headers, NOW, settings).freshUntil - NOW) / 1_000;

describe('freshnessOf', () => {
  it.each([
    ['the default when the origin is silent', {}, 3_600],
    ['max-age', { 'cache-control': 'public, max-age=600' }, 600],
    ['s-maxage before max-age', { 'cache-control': 'max-age=600, s-maxage=900' }, 900],
    ['what Age has used up', { 'cache-control': 'max-age=600', age: '200' }, 400],
    ['the minimum for no-store', { 'cache-control': 'no-store' }, 60],
    ['the minimum for private', { 'cache-control': 'private, max-age=600' }, 60],
    ['the minimum when Age exceeds max-age', { 'cache-control': 'max-age=10', age: '9999' }, 60],
    ['the maximum for a year', { 'cache-control': 'max-age=31536000' }, 30 * 86_400],
    [
      'Expires against Date',
      { expires: 'Thu, 01 Jan 2026 00:10:00 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
      600,
    ],
    [
      'the default when only Last-Modified is known',
      { 'last-modified': 'Thu, 01 Jan 2015 00:00:00 GMT' },
      3_600,
    ],
    ['no nonsense from a broken Age', { 'cache-control': 'max-age=600', age: 'soon' }, 600],
  ])('takes %s', (_what, headers, seconds) => {
    expect(ttlSeconds(headers)).toBe(seconds);
  });

  it('adds the stale window behind the fresh one', () => {
    const { freshUntil, staleUntil } = freshnessOf({}, NOW, settings);

    expect(staleUntil - freshUntil).toBe(7 * 86_400_000);
  });
});
