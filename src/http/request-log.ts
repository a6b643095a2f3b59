import type { IncomingMessage, ServerResponse } from 'node:http';
import { factsOf, pathOf } from './request-facts.js';

/** Where one structured line goes. */
export type LogLine = (
  level: 'error' | 'warn' | 'info' | 'debug',
  fields: Readonly<Record<string, unknown>>,
  text: string,
) => void;

/**
 * Writes one line a request when its answer has left or its connection has gone: no query, no headers, so no
 * secret. By hand and not by `pino-http`, which builds a child logger and three serialisers for each request.
 */
export function logWhenClosed(
  request: IncomingMessage,
  response: ServerResponse,
  nowMs: () => number,
  log: LogLine,
): void {
  const socket = request.socket;
  const bytesBefore = socket.bytesWritten;
  const target = request.url ?? '/';
  response.once('close', () => {
    const facts = factsOf(request);
    const status = response.statusCode;
    const aborted = !response.writableFinished;
    log(
      levelOf(status),
      {
        requestId: facts.id,
        method: request.method,
        path: pathOf(target),
        status,
        ms: Math.round((nowMs() - facts.startedMs) * 10) / 10,
        bytes: socket.bytesWritten - bytesBefore,
        cache: response.getHeader('cache-status'),
        code: facts.problemCode,
        aborted: aborted || undefined,
      },
      aborted ? 'request aborted' : 'request',
    );
  });
}

/** Refusals of a loaded server are its normal work, not its faults. */
function levelOf(status: number): 'error' | 'warn' | 'info' {
  if (status === 503) return 'warn';
  return status >= 500 && status !== 502 && status !== 504 ? 'error' : 'info';
}
