import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { FakeClock } from '../../../../test/support/fake-clock.js';
import { loadSettings, type Settings } from '../../../config/index.js';
import type { Database } from '../../../database/index.js';
import type { JobGate, JobView } from '../../../jobs/index.js';
import { openProcess, type TestProcess } from '../../../../test/support/job-process.js';
import { readMachineMemory } from '../../../process-memory/index.js';
import type { Bookmark } from '../../model/bookmark.js';
import type { BookmarkStore } from '../../model/bookmark-store.js';
import { SqlBookmarkStore } from '../../repository/sql-bookmark-store.js';
import { gather } from '../readers/samples.fixture.js';
import { ImportFiles } from './import-files.js';
import { ImportJob } from './import-job.js';
import type { ImportOptions } from './import-options.js';
import { ImportService, type ReceiveFile } from './import.service.js';

/** Everything between an upload and the rows, as one process has it. */
export interface TestImports {
  readonly process: TestProcess;
  readonly store: BookmarkStore;
  readonly service: ImportService;
  readonly files: ImportFiles;
  readonly settings: Settings;
  /** Imports the text and waits for its end. */
  run(text: string | Buffer, options?: Partial<ImportOptions>): Promise<FinishedImport>;
  /** Waits for its end; with `stepMs` time passes meanwhile. */
  finish(operationId: string, stepMs?: number): Promise<JobView>;
  reportOf(importId: string): Promise<Record<string, unknown>[]>;
  folder(): Promise<string[]>;
}

export interface FinishedImport {
  readonly importId: string;
  readonly job: JobView;
  readonly counts: Readonly<Record<string, number>>;
}

export const OPTIONS: ImportOptions = { folders: 'tags', tags: [], verbose: false };

export const receiving =
  (bytes: string | Buffer, fileName?: string): ReceiveFile =>
  async (sink: Writable, onHints) => {
    onHints({ fileName });
    await pipeline(Readable.from([Buffer.from(bytes)]), sink);
  };

export interface ImportRooms {
  readonly database: Database;
  readonly clock: FakeClock;
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly gate?: JobGate;
  /** Puts something between the import and the rows. */
  readonly wrap?: (store: BookmarkStore) => BookmarkStore;
}

export async function openImports(rooms: ImportRooms): Promise<TestImports> {
  const { database, clock, dataDir, env = {}, gate, wrap = (store) => store } = rooms;
  const settings = loadSettings(
    { DATA_DIR: dataDir, ENRICHMENT: 'off', ...env },
    { ...readMachineMemory(), containerLimitBytes: null },
  );
  // what an earlier process of a test left behind is taken up at once
  const process = openProcess(database, clock, { isAlive: () => false });
  const store = new SqlBookmarkStore(database, clock);
  const files = new ImportFiles(settings);
  const service = new ImportService(settings, clock, store, process.queue, files);
  const job = new ImportJob(files, wrap(store), process.queue, clock, settings, gate ?? null);
  job.onModuleInit();
  await process.start();

  const finish = async (operationId: string, stepMs = 0): Promise<JobView> => {
    let view: JobView | null = null;
    await until(async () => {
      clock.advance(stepMs);
      view = await process.queue.find(operationId);
      return view !== null && ['done', 'failed', 'cancelled'].includes(view.state);
    }, 'the import ended');
    return view as unknown as JobView;
  };
  return {
    process,
    store,
    service,
    files,
    settings,
    finish,
    run: async (text, options = {}) => {
      const { operationId, importId } = await service.start(receiving(text), { ...OPTIONS, ...options });
      const view = await finish(operationId);
      const { counts } = (view.result ?? { counts: {} }) as { counts: Record<string, number> };
      return { importId, job: view, counts };
    },
    reportOf: async (importId) => {
      const text = await readFile(files.reportPath(importId), 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    folder: () => readdir(join(dataDir, 'imports')).catch(() => []),
  };
}

/** Files and their fsync take real time, and no clock of ours knows when they are done. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
  for (let count = 0; count < 10_000; count += 1) {
    if (await condition()) return;
    await pause(1);
  }
  throw new Error(`Waited in vain until ${what} happened.`);
}

/** All bookmarks, oldest first. */
export async function allOf(store: BookmarkStore): Promise<Bookmark[]> {
  return gather(
    (async function* () {
      let cursor: string | undefined;
      do {
        const page = await store.list({}, 'createdAt', 500, cursor);
        yield* page.bookmarks;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    })(),
  );
}
