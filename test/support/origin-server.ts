import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A scripted origin on loopback: a handler per path (without query), counted requests, no socket left after `close`. */
export class OriginServer {
  private readonly handlers = new Map<string, OriginHandler>();
  private readonly counts = new Map<string, number>();
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly server: Server;
  private connectionCount = 0;
  /** The last request's headers, by path. */
  readonly lastHeaders = new Map<string, IncomingMessage['headers']>();

  constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.keepAliveTimeout = 0;
    this.server.on('connection', (socket) => {
      this.connectionCount += 1;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Listens on a free port. */
  async start(address = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, address, () => resolve());
    });
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** `127.0.0.1:port`: an entry for FETCH_ALLOWED_HOSTS. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** Requests so far, for one path (without query) or all together. */
  requests(path?: string): number {
    if (path !== undefined) return this.counts.get(path) ?? 0;
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Connections accepted so far. */
  get connections(): number {
    return this.connectionCount;
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  /** Closes every open connection, as a restarting origin does. */
  dropSockets(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Resolves when no client is connected any more. */
  async whenQuiet(): Promise<void> {
    while (this.sockets.size > 0) {
      await new Promise<void>((resolve) => {
        for (const socket of this.sockets) socket.once('close', () => resolve());
      });
    }
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.timers.clear();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.dropSockets();
    await closed;
  }

  route(path: string, handler: OriginHandler): this {
    this.handlers.set(path, handler);
    return this;
  }

  /** 200 with the bytes, their length, and these headers on top. */
  serve(path: string, bytes: Uint8Array | string, headers: Record<string, string> = {}): this {
    const body = Buffer.from(bytes);
    return this.route(path, (_request, response) => {
      response.writeHead(200, {
        'content-type': 'image/jpeg',
        'content-length': String(body.length),
        ...headers,
      });
      response.end(body);
    });
  }

  /** 200 in chunks, without a length. */
  chunked(
    path: string,
    chunks: readonly (Uint8Array | string)[],
    headers: Record<string, string> = {},
  ): this {
    return this.route(path, (_request, response) => {
      response.writeHead(200, { 'content-type': 'image/jpeg', ...headers });
      for (const chunk of chunks) response.write(chunk);
      response.end();
    });
  }

  /** Only a status, with a short text. */
  status(path: string, status: number, headers: Record<string, string> = {}): this {
    return this.route(path, (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', ...headers });
      response.end('no');
    });
  }

  redirect(path: string, location: string, status = 302): this {
    return this.status(path, status, { location });
  }

  /** Each hop leads to a new path, for ever. */
  endlessRedirects(path: string): this {
    for (let hop = 0; hop < 20; hop += 1)
      this.redirect(hop === 0 ? path : `${path}/${hop}`, `${path}/${hop + 1}`);
    return this;
  }

  /** Answers 304 when a validator matches. */
  revalidating(path: string, bytes: Uint8Array | string, etag: string, lastModified: string): this {
    const body = Buffer.from(bytes);
    return this.route(path, (request, response) => {
      const headers = { etag, 'last-modified': lastModified, 'cache-control': 'max-age=60' };
      const fresh =
        request.headers['if-none-match'] === etag || request.headers['if-modified-since'] === lastModified;
      response.writeHead(
        fresh ? 304 : 200,
        fresh ? headers : { ...headers, 'content-length': String(body.length) },
      );
      response.end(fresh ? undefined : body);
    });
  }

  /** Accepts the request and never answers. */
  silent(path: string): this {
    return this.route(path, () => undefined);
  }

  /** Sends the headers and `first`, then nothing more. */
  stalling(path: string, first: Uint8Array | string, length = 1_000_000): this {
    return this.route(path, (_request, response) => {
      response.writeHead(200, { 'content-length': String(length) });
      response.write(first);
    });
  }

  /** A byte every `everyMs`, for ever. */
  dripping(path: string, everyMs: number): this {
    return this.route(path, (_request, response) => {
      response.writeHead(200, { 'content-type': 'image/jpeg' });
      const timer = setInterval(() => response.write('.'), everyMs);
      this.timers.add(timer);
      response.once('close', () => {
        clearInterval(timer);
        this.timers.delete(timer);
      });
    });
  }

  /** Announces one length and sends another, then closes. */
  lyingLength(path: string, announcedBytes: number, sentBytes: number): this {
    return this.route(path, (_request, response) => {
      response.socket?.end(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: ${announcedBytes}\r\n\r\n`,
          ),
          Buffer.alloc(sentBytes, 'x'),
        ]),
      );
    });
  }

  /** Bytes without end, as fast as they are taken. */
  endless(path: string, headers: Record<string, string> = {}): this {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    return this.route(path, (_request, response) => {
      response.writeHead(200, headers);
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk)) continue;
      };
      response.on('drain', pump);
      pump();
    });
  }

  /** A few KiB that unpack to `bytes` zeros. */
  gzipBomb(path: string, bytes: number): this {
    return this.serve(path, gzipSync(Buffer.alloc(bytes)), { 'content-encoding': 'gzip' });
  }

  /** Sends these bytes as they are and closes. */
  raw(path: string, text: string): this {
    return this.route(path, (_request, response) => void response.socket?.end(text, 'latin1'));
  }

  /** Resets the connection instead of an answer. */
  reset(path: string): this {
    return this.route(path, (_request, response) => void response.socket?.resetAndDestroy());
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    this.counts.set(path, this.requests(path) + 1);
    this.lastHeaders.set(path, request.headers);
    const handler = this.handlers.get(path);
    if (handler !== undefined) {
      handler(request, response);
      return;
    }
    response.writeHead(404);
    response.end();
  }
}
