import { PlimsollError } from '../../../errors/index.js';

/**
 * What an error says about the host that was asked: `fault`: it is not well (transport faults, timeouts, 5xx, 429);
 * `answer`: it is, though the answer may be no (404, 403, a picture that does not decode); `none`: the error was
 * made here (abort, pressure, a rule of ours, a remembered failure) and says nothing.
 */
export type HostVerdict = 'fault' | 'answer' | 'none';

const ANSWERS: ReadonlySet<string> = new Set([
  'origin-not-found',
  'origin-gone',
  'origin-refused',
  'too-many-redirects',
  'source-too-large',
  'not-a-page',
  'not-an-image',
  'undecodable-image',
  'image-too-many-pixels',
  'image-exceeds-memory-budget',
]);

/** Status of the origin, when there was one. */
export function originStatusOf(error: PlimsollError): number | undefined {
  const status = error.details['originStatus'];
  return typeof status === 'number' ? status : undefined;
}

/** The host at which a fetch failed, with its port; `undefined` when the error does not say. */
export function failedHostOf(error: unknown): string | undefined {
  const host = error instanceof PlimsollError ? error.details['host'] : undefined;
  return typeof host === 'string' ? host : undefined;
}

/** What the error says about `host`; without one, about whichever host has caused it. */
export function hostVerdict(error: unknown, host?: string): HostVerdict {
  if (!(error instanceof PlimsollError) || error.details['remembered'] === true) return 'none';
  // It has answered: with a redirect to the host that failed.
  if (host !== undefined && (failedHostOf(error) ?? host) !== host) return 'answer';
  if (ANSWERS.has(error.code)) return 'answer';
  if (error.code === 'origin-unreachable') return 'fault';
  // A passed total deadline counts like silence: the host had its time.
  if (error.code === 'origin-timeout') return 'fault';
  if (error.code !== 'origin-error') return 'none';
  const status = originStatusOf(error);
  return status === undefined || status >= 500 || status === 429 ? 'fault' : 'answer';
}
