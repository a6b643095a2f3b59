const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** `2026-01-31`, `2026/1/31`, `20260131`, with or without a time and a zone. */
const NUMERIC =
  /^(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:(?:[Tt]|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)?)?$/;

/** `31 January 2026`, `January 31st, 2026`, `Sat, 31 Jan 2026 10:00:00 GMT`. */
const WORDED =
  /^(?:[a-z]{3,9}\.?,?\s+)?(?:(\d{1,2})(?:st|nd|rd|th)?\.?[\s-]+([a-z]{3,9})\.?,?|([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?)[\s-]+(\d{4})(?:,?\s+(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(am|pm)?\s*(Z|UTC|GMT|[ECMP][SD]T|[+-]\d{2}:?\d{2})?)?$/i;

/** `Tue May 24 05:55:00 2016`, as C's `asctime` writes it. */
const ASCTIME = /^[a-z]{3} ([a-z]{3} {1,2}\d{1,2}) (\d{2}:\d{2}:\d{2}) (\d{4})$/i;

/** The zones that RFC 5322 section 4.3 still names, in hours. */
const ZONE_HOURS: ReadonlyMap<string, number> = new Map([
  ['EST', -5],
  ['EDT', -4],
  ['CST', -6],
  ['CDT', -5],
  ['MST', -7],
  ['MDT', -6],
  ['PST', -8],
  ['PDT', -7],
]);

/** Years that a page can have been published in; content systems write year 1 and 1970-01-01 for "unknown". */
const FIRST_YEAR = 1_500;
const LAST_YEAR = 2_100;

/**
 * A date as pages write it, in ISO 8601: a day stays a day, a time becomes UTC. A time without a zone counts as UTC,
 * whatever zone this machine is in.
 *
 * @returns `undefined` for what is no date, or a placeholder of one
 */
export function toIsoDate(raw: string | undefined): string | undefined {
  if (raw === undefined || raw.length > 80) return undefined;
  const text = raw.trim();
  return fromNumeric(text) ?? fromWorded(text);
}

function fromNumeric(text: string): string | undefined {
  const match = NUMERIC.exec(text);
  if (match === null) return undefined;
  const [, year, separator, month, day, hour, minute, second = '0', fraction = '0', zone] = match;
  // Without separators, eight digits only: "2026131" could be two days.
  if (separator === '' && (month?.length !== 2 || day?.length !== 2)) return undefined;
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  if (hour === undefined) return toIso(date);
  const ms = Math.floor(Number(`0.${fraction}`) * 1000);
  return toIso(date, { hour: Number(hour), minute: Number(minute), second: Number(second), ms, zone });
}

function fromWorded(text: string): string | undefined {
  const match = WORDED.exec(text.replace(ASCTIME, '$1 $3 $2'));
  if (match === null) return undefined;
  const [, day, monthName, monthFirst, dayAfter, year, hour, minute, second = '0', half, zone] = match;
  const name = (monthName ?? monthFirst ?? '').slice(0, 3).toLowerCase();
  const date = { year: Number(year), month: MONTHS.indexOf(name) + 1, day: Number(day ?? dayAfter) };
  if (hour === undefined) return toIso(date);
  const twelve = half === undefined ? Number(hour) : (Number(hour) % 12) + (/^p/i.test(half) ? 12 : 0);
  return toIso(date, { hour: twelve, minute: Number(minute), second: Number(second), ms: 0, zone });
}

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

interface Time {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  readonly zone: string | undefined;
}

function toIso({ year, month, day }: Day, time?: Time): string | undefined {
  const midnight = new Date(Date.UTC(year, month - 1, day));
  // `Date` turns the 31st of February into March; a page that says so has no date.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  if (year < FIRST_YEAR || year > LAST_YEAR || midnight.getTime() === 0) return undefined;
  if (time === undefined) return midnight.toISOString().slice(0, 10);
  const { hour, minute, second, ms, zone } = time;
  if (hour > 24 || minute > 59 || second > 60) return undefined;
  const at = Date.UTC(year, month - 1, day, hour, minute - offsetMinutes(zone), second, ms);
  return new Date(at).toISOString();
}

function offsetMinutes(zone = ''): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (hours === undefined) return 60 * (ZONE_HOURS.get(zone.toUpperCase()) ?? 0);
  return (sign === '-' ? -1 : 1) * (60 * Number(hours) + Number(minutes ?? 0));
}
