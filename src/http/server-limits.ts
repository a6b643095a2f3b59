import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Settings } from '../config/index.js';
import { problemBody, PROBLEM_MEDIA_TYPE, type Problem } from './problem.js';

const KIB = 1024;

/** Request line and headers together (Node's own default; a signed URL of 8 KiB still leaves room for cookies). */
const MAX_HEADER_BYTES = 16 * KIB;

/** Longest request target; every browser and proxy of note stays below (RFC 9112, section 3, asks for 8000 at least). */
export const MAX_URL_LENGTH = 8 * KIB;

/**
 * Time limits of the server, ms. Keep-alive outlives the 60 s of common load balancers, so that it is the
 * balancer, never this side, that closes an idle connection under a request.
 */
const LIMITS = {
  headersTimeout: 20_000,
  /** A 50 MB upload at 1.4 Mbit/s. */
  requestTimeout: 300_000,
  keepAliveTimeout: 72_000,
  connectionsCheckingInterval: 5_000,
} as const;

/**
 * A socket on which nothing moves for this long, while it is owed an answer, is dropped: a reader that does not
 * read holds the answer in memory. Set on the socket by request, not as `server.timeout`, which would restart a
 * timer for every packet of every memory hit.
 */
export const SILENT_SOCKET_TIMEOUT_MS = 120_000;

/** For a request whose answer is worked on: the wait for a download, the fetch, the wait for a job and the job come first. */
export function silentSocketMs({ values }: Settings): number {
  const { QUEUE_DEADLINE_MS, IMAGE_TIMEOUT_MS } = values;
  return 2 * (QUEUE_DEADLINE_MS + IMAGE_TIMEOUT_MS) + SILENT_SOCKET_TIMEOUT_MS;
}

/** At about 8 KiB of buffers a connection, 64 MiB (chosen); the rest waits in the kernel's backlog or is refused. */
const MAX_CONNECTIONS = 8_192;

/**
 * A `node:http` server with every limit set and answers of our shape to what is not HTTP. `maxRequestsPerSocket` is left
 * alone: it guards nothing here, and its count in every answer cost 3 % of the memory hits (bench:hits).
 */
export function createLimitedServer(listener: RequestListener): Server {
  const server = createServer({ ...LIMITS, maxHeaderSize: MAX_HEADER_BYTES }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', answerClientError);
  return server;
}

interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
};

function answerClientError(error: ClientError, socket: Socket): void {
  const answering = '_httpMessage' in socket && socket._httpMessage !== null;
  if (!socket.writable || error.code === 'ECONNRESET' || answering) {
    socket.destroy();
    return;
  }
  const problem = problemOfClientError(error);
  const status = problem.status ?? 400;
  const body = problemBody(problem);
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function problemOfClientError(error: ClientError): Problem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return isInsideRequestLine(error.rawPacket)
        ? uriTooLong()
        : {
            code: 'headers-too-large',
            status: 431,
            detail: `Request line and headers may have ${MAX_HEADER_BYTES} bytes together.`,
          };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request-timeout', status: 408, detail: 'The request did not arrive in time.' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { code: 'body-too-large', status: 413, detail: 'The extensions of a chunk are too long.' };
    default:
      return { code: 'invalid-parameter', status: 400, detail: 'The request is not valid HTTP/1.1.' };
  }
}

/** The refusal of a request target that is too long. */
export function uriTooLong(): Problem {
  return {
    code: 'uri-too-long',
    status: 414,
    detail: `A request target may have ${MAX_URL_LENGTH} characters.`,
  };
}

/** Whether the packet that overflowed began a request and never came to the end of its first line. */
function isInsideRequestLine(packet: Buffer | undefined): boolean {
  if (packet === undefined) return false;
  const start = packet.subarray(0, MAX_URL_LENGTH).toString('latin1');
  return /^[A-Z]+ \S*$/.test(start);
}
