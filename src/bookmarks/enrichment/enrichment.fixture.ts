import { Global, Module, type Provider } from '@nestjs/common';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import { OriginServer } from '../../../test/support/origin-server.js';
import { DatabaseModule } from '../../database/index.js';
import { CLIENT_QUOTA, ImagesModule } from '../../images/index.js';
import { JOB_QUEUE, JobsModule, type JobProgress, type JobQueue } from '../../jobs/index.js';
import { RemoteFetchModule } from '../../remote-fetch/index.js';
import { BOOKMARK_STORE, type BookmarkChange, type BookmarkStore } from '../model/bookmark-store.js';
import type { Bookmark } from '../model/bookmark.js';
import { SqlBookmarkStore } from '../repository/sql-bookmark-store.js';
import type { EnrichPayload } from './enrichment-job.js';
import { ENRICHMENT_PROVIDERS } from './enrichment-providers.js';
import { EnrichmentService, type EnrichmentResult } from './enrichment.service.js';
import { ENRICHMENT_RANDOM } from './random.js';

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Says yes to everyone and remembers who was charged. */
export const charged: string[] = [];

@Global()
@Module({
  providers: [
    { provide: CLIENT_QUOTA, useValue: { charge: (clientId: string) => void charged.push(clientId) } },
    { provide: ENRICHMENT_RANDOM, useValue: () => 0.5 },
  ],
  exports: [CLIENT_QUOTA, ENRICHMENT_RANDOM],
})
class SharedModule {}

/** A run of an enrichment as the queue would start it; its progress is kept from one to the next. */
export interface TestRun {
  progress: JobProgress | null;
  readonly controller: AbortController;
  go(): Promise<EnrichmentResult>;
}

/** Real rooms up to enrichment, SQLite and an origin on loopback, on a clock that the test moves. */
export class EnrichmentRooms {
  private constructor(
    readonly rooms: MemoryRooms,
    readonly origin: OriginServer,
    readonly store: BookmarkStore,
    readonly queue: JobQueue,
  ) {}

  static async start(
    environment: Readonly<Record<string, string>> = {},
    providers: Provider[] = [],
  ): Promise<EnrichmentRooms> {
    const origin = await new OriginServer().start();
    const rooms = await startMemoryRooms(
      {
        FETCH_ALLOWED_HOSTS: `${origin.host},localhost:${origin.port}`,
        ENRICHMENT_HOST_DELAY_MS: '0',
        NEGATIVE_CACHE_TTL_MS: '10s',
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(1000 * 1024 ** 2),
        ...environment,
      },
      {
        imports: [SharedModule, RemoteFetchModule, DatabaseModule, JobsModule, ImagesModule],
        providers: [
          ...ENRICHMENT_PROVIDERS,
          { provide: BOOKMARK_STORE, useClass: SqlBookmarkStore },
          ...providers,
        ],
      },
    );
    const token = <T>(symbol: symbol): T => rooms.get<T>(symbol as never);
    return new EnrichmentRooms(
      rooms,
      origin,
      token<BookmarkStore>(BOOKMARK_STORE),
      token<JobQueue>(JOB_QUEUE),
    );
  }

  get clock(): MemoryRooms['clock'] {
    return this.rooms.clock;
  }

  get<T>(type: abstract new (...args: never[]) => T): T {
    return this.rooms.get(type as never);
  }

  /** A page of the origin. */
  page(path: string, head: string, headers: Record<string, string> = {}): this {
    this.origin.serve(path, `<!doctype html><html><head>${head}</head><body>…</body></html>`, {
      'content-type': 'text/html; charset=utf-8',
      ...headers,
    });
    return this;
  }

  picture(path: string, bytes: Buffer, type = 'image/png'): this {
    this.origin.serve(path, bytes, { 'content-type': type });
    return this;
  }

  async create(pathOrUrl: string, change: BookmarkChange = {}): Promise<Bookmark> {
    const url = pathOrUrl.startsWith('/') ? this.origin.url(pathOrUrl) : pathOrUrl;
    const [outcome] = await this.store.insert(
      [{ url, normalisedUrl: url, host: new URL(url).hostname, source: 'user', values: {}, tags: [] }],
      'keep',
    );
    if (outcome === undefined) throw new Error('nothing was created');
    return Object.keys(change).length === 0
      ? outcome.bookmark
      : this.store.update(outcome.bookmark.id, () => change);
  }

  async find(id: string): Promise<Bookmark> {
    const bookmark = await this.store.find(id);
    if (bookmark === null) throw new Error('the bookmark is gone');
    return bookmark;
  }

  run(bookmarkId: string, payload: Partial<EnrichPayload> = {}): TestRun {
    const service = this.get(EnrichmentService);
    const controller = new AbortController();
    const run: TestRun = {
      progress: null,
      controller,
      go: () =>
        service.enrich({
          payload: { bookmarkId, ...payload },
          progress: run.progress,
          signal: controller.signal,
          saveProgress: (progress) => {
            run.progress = JSON.parse(JSON.stringify(progress)) as JobProgress;
            return Promise.resolve();
          },
        }),
    };
    return run;
  }

  /** One run from start to end. */
  enrich(bookmarkId: string, payload: Partial<EnrichPayload> = {}): Promise<EnrichmentResult> {
    return this.run(bookmarkId, payload).go();
  }

  async close(): Promise<void> {
    await this.rooms.close();
    await this.origin.close();
  }
}
