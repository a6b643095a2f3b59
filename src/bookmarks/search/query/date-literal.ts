const DATE = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;
const AGO = /^(\d{1,5})([hdwmy])$/;

const HOUR_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 7 * 24 * HOUR_MS,
  m: 30 * 24 * HOUR_MS,
  y: 365 * 24 * HOUR_MS,
};

/**
 * The moment that `2024`, `2024-05`, `2024-05-31`, an ISO time with its zone, or `7d` (that long ago: h, d, w, m for 30
 * days, y) begins.
 *
 * @param now epoch ms
 * @returns epoch ms; days begin at midnight UTC; `null` when it is no date
 */
export function readDate(text: string, now: number): number | null {
  const ago = AGO.exec(text.toLowerCase());
  if (ago !== null) return now - Number(ago[1]) * (UNIT_MS[ago[2] as string] as number);
  if (TIME.test(text.toUpperCase())) {
    const time = Date.parse(text.toUpperCase());
    return Number.isNaN(time) ? null : time;
  }
  const date = DATE.exec(text);
  if (date === null) return null;
  const [year, month, day] = [Number(date[1]), Number(date[2] ?? 1), Number(date[3] ?? 1)];
  const time = Date.UTC(year, month - 1, day);
  const read = new Date(time);
  // 31 February would be read as a day of March.
  const exists =
    read.getUTCFullYear() === year && read.getUTCMonth() === month - 1 && read.getUTCDate() === day;
  return exists ? time : null;
}
