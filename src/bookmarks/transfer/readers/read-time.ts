/** Milliseconds from 1601-01-01, where Windows and Chromium begin, to 1970-01-01. */
const FROM_1601_MS = 11_644_473_600_000;
const DAY_MS = 86_400_000;

/**
 * A time as bookmark files write it, in epoch ms; `undefined` for what is empty, zero, negative, in the future or no
 * time at all. Numbers tell their unit by their size: seconds, ms, µs, ns since 1970, or seconds, µs (Chromium) and
 * 100 ns (Windows) since 1601. Everything else is tried as ISO 8601 or RFC 2822.
 */
export function readTime(text: string | number | null | undefined, now: number): number | undefined {
  if (text === null || text === undefined) return undefined;
  const written = String(text).trim();
  if (written === '') return undefined;
  const ms = /^[+-]?\d+(?:\.\d+)?(?:e\+?\d+)?$/i.test(written)
    ? fromNumber(Number(written))
    : Date.parse(written.length > 64 ? '' : written);
  if (!Number.isFinite(ms)) return undefined;
  const rounded = Math.trunc(ms);
  // a day of grace: clocks and zones differ
  return rounded > 0 && rounded <= now + DAY_MS ? rounded : undefined;
}

function fromNumber(value: number): number {
  if (!(value > 0)) return Number.NaN;
  if (value < 1.16e10) return value * 1_000;
  if (value < 2e10) return value * 1_000 - FROM_1601_MS;
  if (value < 1e14) return value;
  if (value < 1e16) return value / 1_000;
  if (value < 1e17) return value / 1_000 - FROM_1601_MS;
  if (value < 2e17) return value / 10_000 - FROM_1601_MS;
  if (value < 1e20) return value / 1_000_000;
  return Number.NaN;
}
