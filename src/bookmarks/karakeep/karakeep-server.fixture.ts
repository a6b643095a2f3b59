import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const KEY = 'ak1_0123456789_secret';

/** A bookmark as Karakeep 0.33 answers it over REST: absent and null values both occur. */
export function recorded(
  id: string,
  more: Record<string, unknown> = {},
  content: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    id,
    createdAt: '2026-03-01T10:00:00.000Z',
    modifiedAt: null,
    title: null,
    archived: false,
    favourited: false,
    taggingStatus: 'success',
    summarizationStatus: null,
    note: null,
    summary: null,
    source: 'web',
    userId: 'u1',
    tags: [],
    content: {
      type: 'link',
      url: `https://example.org/${id}`,
      title: `Title of ${id}`,
      description: null,
      imageUrl: null,
      imageAssetId: null,
      screenshotAssetId: null,
      favicon: null,
      crawlStatus: 'success',
      ...content,
    },
    assets: [],
    ...more,
  };
}

/** Speaks the recorded shapes of Karakeep's API v1: pages by cursor, errors as plain text. */
export class KarakeepServer {
  bookmarks: Record<string, unknown>[] = [];
  assets: Record<string, Buffer> = {};
  /** Answers in place of everything else. */
  fault: {
    readonly status: number;
    readonly type: string;
    readonly body: string;
    readonly headers?: Record<string, string>;
  } | null = null;
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[] = [];
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const target = new URL(request.url ?? '/', 'http://karakeep');
    this.asked.push({ path: target.pathname + target.search, authorization: request.headers.authorization });
    const text = (status: number, body: string): void =>
      void response.writeHead(status, { 'Content-Type': 'text/plain;charset=UTF-8' }).end(body);
    if (this.fault !== null) {
      const { status, type, body, headers } = this.fault;
      response.writeHead(status, { 'Content-Type': type, ...headers }).end(body);
    } else if (request.headers.authorization !== `Bearer ${KEY}`) text(401, 'Unauthorized');
    else if (target.pathname === '/api/v1/bookmarks') this.page(target, response);
    else if (target.pathname.startsWith('/api/assets/')) {
      const asset = this.assets[target.pathname.slice('/api/assets/'.length)];
      if (asset === undefined) text(404, 'Asset not found');
      else response.writeHead(200, { 'Content-Type': 'image/png' }).end(asset);
    } else text(404, '404 Not Found');
  }

  private page(target: URL, response: ServerResponse): void {
    const limit = Number(target.searchParams.get('limit') ?? 20);
    const after = target.searchParams.get('cursor')?.split('_')[0];
    const at = after === undefined ? 0 : this.bookmarks.findIndex(({ id }) => id === after) + 1;
    const bookmarks = this.bookmarks.slice(at, at + limit);
    const last = bookmarks.at(-1);
    const nextCursor =
      last !== undefined && at + limit < this.bookmarks.length
        ? `${String(last['id'])}_${String(last['createdAt'])}`
        : null;
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ bookmarks, nextCursor }));
  }
}
