import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock/index.js';
import type { ConnectionDrain } from './connection-drain.js';
import type { MemoryHitResponder } from './memory-hit-responder.js';
import type { FrontDoor } from './plimsoll-http-adapter.js';
import type { PressureGate } from './pressure-gate.js';
import { sendProblem } from './problem.js';
import { openFacts } from './request-facts.js';
import { logWhenClosed, type LogLine } from './request-log.js';
import { MAX_URL_LENGTH, uriTooLong } from './server-limits.js';

/** Who stands in the door, in this order. */
export interface FrontDoorStaff {
  /** A socket that is owed an answer and silent for this long is dropped, ms; longer than any answer may take. */
  readonly silentSocketMs: number;
  readonly responder: Pick<MemoryHitResponder, 'tryAnswer'>;
  readonly gate: PressureGate;
  readonly drain: ConnectionDrain;
  readonly clock: Clock;
  readonly log: LogLine;
}

/** Of every answer; what serves images or pages to browsers replaces what it must. */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];

/**
 * The way of every request before the router: a memory hit is answered at once; all others get their id, their
 * log line and the security headers, pass the gate, and only then reach Express.
 */
export function createFrontDoor(staff: FrontDoorStaff): FrontDoor {
  const { responder, gate, drain, clock, log, silentSocketMs } = staff;
  const nowMs = (): number => clock.monotonicMs();
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    if (responder.tryAnswer(request, response)) return true;

    request.socket.setTimeout(silentSocketMs);
    const facts = openFacts(request, nowMs());
    drain.started(response);
    response.once('close', () => drain.ended(response));
    logWhenClosed(request, response, nowMs, log);
    response.setHeader('X-Request-Id', facts.id);
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);

    if ((request.url?.length ?? 0) > MAX_URL_LENGTH) {
      sendProblem(request, response, uriTooLong());
      return true;
    }
    return gate.refuse(request, response);
  };
}
