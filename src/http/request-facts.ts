import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What the log says about one request, collected on its way. */
export interface RequestFacts {
  /** Of the client when it was sane, else random. */
  readonly id: string;
  readonly startedMs: number;
  /** Code of the problem that was answered, if one was. */
  problemCode?: string;
}

const FACTS = new WeakMap<IncomingMessage, RequestFacts>();

/** Letters, digits and a few signs: nothing that could break a log line or a header. */
const SANE_ID = /^[\w.:+/=-]{8,128}$/;

/** 96 random bits as 16 characters (chosen: collisions do not matter, length in every log line does). */
const ID_BYTES = 12;

/** Opens the record of a request; `X-Request-Id` of the client is taken over when it is sane. */
export function openFacts(request: IncomingMessage, startedMs: number): RequestFacts {
  const given = request.headers['x-request-id'];
  const id =
    typeof given === 'string' && SANE_ID.test(given) ? given : randomBytes(ID_BYTES).toString('base64url');
  const facts: RequestFacts = { id, startedMs };
  FACTS.set(request, facts);
  return facts;
}

/** The record of a request; one without a start when it came in by another door, where nothing is timed. */
export function factsOf(request: IncomingMessage): RequestFacts {
  return FACTS.get(request) ?? openFacts(request, 0);
}

/** The path of a raw request target: no query, no fragment, cut to what a log line can bear. */
export function pathOf(rawUrl: string): string {
  const end = rawUrl.search(/[?#]/);
  return (end === -1 ? rawUrl : rawUrl.slice(0, end)).slice(0, 512);
}
