import type { IncomingMessage, ServerResponse } from 'node:http';
import { namesEntityTag } from './entity-tag.js';
import type { HitLookup } from './hit-lookup.js';
import type { LevelSource } from './pressure-gate.js';
import { SILENT_SOCKET_TIMEOUT_MS } from './server-limits.js';

export interface HitSnapshot {
  readonly hits: number;
  readonly notModified: number;
}

/**
 * Answers memory hits in front of Express, with headers prepared as one flat array and nothing computed. It
 * knows only what the full path has already accepted, byte for byte the same URL. In any doubt it answers
 * nothing and the full path decides: another method, a range, a precondition it does not know, `critical`
 * memory, draining.
 */
export class MemoryHitResponder {
  private hits = 0;
  private notModified = 0;

  constructor(
    private readonly source: HitLookup,
    private readonly level: LevelSource,
    private readonly isDraining: () => boolean,
    /** Called for each hit when hits are logged one by one; `undefined` otherwise. */
    private readonly onHit?: (rawUrl: string, status: number) => void,
  ) {}

  /** Answers and returns `true`, or leaves the request untouched. */
  tryAnswer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url } = request;
    if ((method !== 'GET' && method !== 'HEAD') || url === undefined) return false;
    // Express fills its own query, ip and so on later: only plain headers are read here.
    const headers = request.headers;
    const hit = this.source.lookup(url, headers.accept);
    if (hit === null) return false;
    if (
      headers.range !== undefined ||
      headers['if-match'] !== undefined ||
      headers['if-unmodified-since'] !== undefined ||
      headers['content-length'] !== undefined ||
      headers['transfer-encoding'] !== undefined
    ) {
      return false;
    }
    const level = this.level();
    if (level === 'critical' || level === 'emergency' || this.isDraining()) return false;

    const ifNoneMatch = headers['if-none-match'];
    if (ifNoneMatch !== undefined && namesEntityTag(ifNoneMatch, hit.etag)) {
      this.notModified += 1;
      response.writeHead(304, hit.notModifiedHeaders as string[]);
      response.end();
      this.onHit?.(url, 304);
      return true;
    }
    this.hits += 1;
    response.writeHead(200, hit.headers as string[]);
    if (method === 'HEAD') response.end();
    else response.end(hit.body);
    // What did not fit the kernel's buffer waits for the reader, and holds the picture meanwhile.
    if (request.socket.writableLength > 0) request.socket.setTimeout(SILENT_SOCKET_TIMEOUT_MS);
    this.onHit?.(url, 200);
    return true;
  }

  snapshot(): HitSnapshot {
    return { hits: this.hits, notModified: this.notModified };
  }
}
