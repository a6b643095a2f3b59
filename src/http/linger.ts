import type { IncomingMessage } from 'node:http';

/**
 * Most bytes of a refused body that are still read, and thrown away, so that the client gets to see the
 * answer (chosen: what a client has in flight on a fast link; closing at once would reset the connection
 * under an answer that is not read yet).
 */
const LINGER_BYTES = 8 * 1024 ** 2;

/** After an early answer: drains the rest of the request up to a limit, then drops the connection. */
export function lingerOnUnreadBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let left = LINGER_BYTES;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.socket.destroy();
  });
  request.on('error', () => undefined);
  request.resume();
}
