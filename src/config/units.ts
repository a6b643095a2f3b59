const KIB = 1024;

/** Decimal and binary suffixes; `512MB` is 512 × 10^6, `1GiB` is 2^30 bytes. A bare number is bytes. */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1_000,
  mb: 1_000 ** 2,
  gb: 1_000 ** 3,
  tb: 1_000 ** 4,
  k: KIB,
  m: KIB ** 2,
  g: KIB ** 3,
  t: KIB ** 4,
  kib: KIB,
  mib: KIB ** 2,
  gib: KIB ** 3,
  tib: KIB ** 4,
};

/** A bare number is milliseconds. */
const DURATION_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const factor = match === null ? undefined : units[(match[2] ?? '').toLowerCase()];
  if (match === null || factor === undefined) return undefined;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes from `1048576`, `512MB`, `1.5GiB`; `undefined` when it is not a size. Never negative. */
export function parseBytes(text: string): number | undefined {
  return parseWithUnit(text, BYTE_UNITS);
}

/** Milliseconds from `30000`, `30s`, `5m`, `1h`, `7d`; `undefined` when it is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  return parseWithUnit(text, DURATION_UNITS);
}

/** `536870912` → `512 MiB`; for tables and sentences read by people. */
export function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let index = 0;
  while (Math.abs(value) >= KIB && index < names.length - 1) {
    value /= KIB;
    index += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${names[index]}`;
}
