import { z } from 'zod';
import { formatBytes, parseBytes, parseDurationMs } from './units.js';

/** One environment variable as a described object: reading, default, unit and effect in one place. */
export interface Variable<T> {
  /** From the variable's text to its value. Issues read as the rest of a sentence that starts with the name. */
  readonly schema: z.ZodType<T, string>;
  /** The text that stands in when the variable is absent; `undefined` means "not set". */
  readonly default: string | undefined;
  readonly unit: string;
  /** What it does, one sentence, for `.env.example` and the reference. */
  readonly effect: string;
  /** Masked wherever settings are shown. */
  readonly secret?: boolean;
  readonly group: string;
}

function reading<T>(expected: string, read: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context): T => {
    const value = text.trim() === '' ? undefined : read(text.trim());
    if (value === undefined) {
      context.addIssue({ code: 'custom', message: `must be ${expected}, got "${text}"` });
      return z.NEVER;
    }
    return value;
  });
}

const within = (value: number | undefined, min: number, max: number): number | undefined =>
  value !== undefined && value >= min && value <= max ? value : undefined;

/** Bytes, plain or with a suffix. */
export const bytes = (min: number, max = Number.MAX_SAFE_INTEGER): z.ZodType<number, string> =>
  reading(
    `a size such as 1048576, 512MB or 1GiB, at least ${formatBytes(min)}` +
      (max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${formatBytes(max)}`),
    (text) => within(parseBytes(text), min, max),
  );

/** Milliseconds, plain or with a unit. */
export const duration = (minMs: number, maxMs: number): z.ZodType<number, string> =>
  reading(`a duration such as 30000, 30s or 5m, from ${minMs} to ${maxMs} ms`, (text) =>
    within(parseDurationMs(text), minMs, maxMs),
  );

export const integer = (min: number, max: number): z.ZodType<number, string> =>
  reading(`a whole number from ${min} to ${max}`, (text) =>
    /^\d+$/.test(text) ? within(Number(text), min, max) : undefined,
  );

export const choice = <const T extends string>(...allowed: readonly T[]): z.ZodType<T, string> =>
  reading(`one of ${allowed.join(', ')}`, (text) =>
    allowed.find((candidate) => candidate === text.toLowerCase()),
  );

const TRUE = ['on', 'true', '1', 'yes'];
const FALSE = ['off', 'false', '0', 'no'];

export const flag = (): z.ZodType<boolean, string> =>
  reading('on or off', (text) => {
    const lower = text.toLowerCase();
    if (TRUE.includes(lower)) return true;
    return FALSE.includes(lower) ? false : undefined;
  });

/** A list by commas; every element passes `check`. */
export const list = (
  expected: string,
  check: (element: string) => boolean,
): z.ZodType<readonly string[], string> =>
  reading(expected, (text) => {
    const elements = text.split(',').map((element) => element.trim());
    return elements.every((element) => element !== '' && check(element))
      ? Object.freeze(elements)
      : undefined;
  });

export const text = (expected: string, check: (value: string) => boolean): z.ZodType<string, string> =>
  reading(expected, (value) => (check(value) ? value : undefined));

export const parsed = <T>(expected: string, read: (value: string) => T | undefined): z.ZodType<T, string> =>
  reading(expected, read);
