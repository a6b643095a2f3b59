import { createHmac, timingSafeEqual } from 'node:crypto';
import { PlimsollError } from '../errors/index.js';

/** Of the signed text; a new way to build it gets a new number. */
const VERSION = 'v1';

/**
 * The part of a signed text that stands for the query: given the path and the raw query without `sig`, a text
 * that is equal only for requests that mean the same.
 */
export type CanonicalQuery = (path: string, rawQuery: string) => string;

/** Injection token of a {@link CanonicalQuery}; absent means {@link sortedQuery}. */
export const CANONICAL_QUERY = Symbol('CANONICAL_QUERY');

/**
 * The pairs of a query, sorted as they stand, undecoded: what differs in encoding differs in signature, so no
 * decoder can be led to read something else than what was signed.
 */
export const sortedQuery: CanonicalQuery = (_path, rawQuery) => pairsOf(rawQuery).sort().join('&');

export interface SignOptions {
  /** Epoch seconds after which the URL is refused. */
  readonly expiresAtSeconds?: number;
  readonly canonicalQuery?: CanonicalQuery;
}

/**
 * Signs a path with its query (`/api/images?url=…&w=640`) and returns it with `exp` and `sig` appended.
 * A `sig` or `exp` that is already there is replaced.
 */
export function signUrl(pathAndQuery: string, key: string, options: SignOptions = {}): string {
  const { path, query } = split(pathAndQuery);
  const pairs = pairsOf(query).filter((pair) => nameOf(pair) !== 'sig' && nameOf(pair) !== 'exp');
  if (options.expiresAtSeconds !== undefined) pairs.push(`exp=${options.expiresAtSeconds}`);
  const signed = pairs.join('&');
  const signature = sign(path, (options.canonicalQuery ?? sortedQuery)(path, signed), key).toString(
    'base64url',
  );
  return `${path}?${signed}${signed === '' ? '' : '&'}sig=${signature}`;
}

/**
 * Checks a signed URL against the keys (the new and, while rotating, the old one), in constant time.
 *
 * @throws PlimsollError `missing-signature`, `invalid-signature` or `expired-signature`.
 */
export function verifyUrl(
  pathAndQuery: string,
  keys: readonly string[],
  nowMs: number,
  canonicalQuery: CanonicalQuery = sortedQuery,
): void {
  const { path, query } = split(pathAndQuery);
  const pairs = pairsOf(query);
  const signatures = pairs.filter((pair) => nameOf(pair) === 'sig');
  const expiries = pairs.filter((pair) => nameOf(pair) === 'exp');
  if (signatures.length === 0) {
    throw new PlimsollError(
      'missing-signature',
      'This server serves signed image URLs only; the parameter "sig" is missing.',
    );
  }
  const rest = pairs.filter((pair) => nameOf(pair) !== 'sig').join('&');
  const given = Buffer.from(valueOf(signatures[0] ?? ''), 'base64url');
  const text = canonicalQuery(path, rest);
  // Every key is tried, whichever fits, so that the time tells nothing about which did.
  const fits = keys.map((key) => sameBytes(sign(path, text, key), given)).includes(true);
  if (!fits || signatures.length > 1 || expiries.length > 1) {
    throw new PlimsollError('invalid-signature', 'The signature does not belong to this URL.');
  }
  checkExpiry(expiries[0], nowMs);
}

function checkExpiry(pair: string | undefined, nowMs: number): void {
  if (pair === undefined) return;
  const value = valueOf(pair);
  if (!/^\d{1,12}$/.test(value)) {
    throw new PlimsollError('invalid-signature', 'The parameter "exp" must be a time in epoch seconds.');
  }
  if (nowMs >= Number(value) * 1_000) {
    throw new PlimsollError(
      'expired-signature',
      'The signed URL has expired; ask for a new one where you got it.',
    );
  }
}

function sign(path: string, canonical: string, key: string): Buffer {
  return createHmac('sha256', key).update(`${VERSION}\n${path}\n${canonical}`).digest();
}

function sameBytes(expected: Buffer, given: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(expected, given);
}

function split(pathAndQuery: string): { path: string; query: string } {
  const at = pathAndQuery.indexOf('?');
  return at === -1
    ? { path: pathAndQuery, query: '' }
    : { path: pathAndQuery.slice(0, at), query: pathAndQuery.slice(at + 1) };
}

const pairsOf = (query: string): string[] => query.split('&').filter((pair) => pair !== '');
const nameOf = (pair: string): string => pair.split('=', 1)[0] ?? '';
const valueOf = (pair: string): string => pair.slice(nameOf(pair).length + 1);
