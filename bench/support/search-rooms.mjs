import { pathToFileURL } from 'node:url';
import { join, resolve } from 'node:path';

const dist = process.env.BENCH_DIST ?? resolve(import.meta.dirname, '../../dist');
const load = (path) => import(pathToFileURL(join(dist, path)).href);

const { SystemClock } = await load('clock/index.js');
const { loadSettings } = await load('config/index.js');
const { openDatabase } = await load('database/index.js');
const { ByteAccounts } = await load('process-memory/index.js');
const { SqlBookmarkStore } = await load('bookmarks/repository/sql-bookmark-store.js');
const { DatabaseEngine } = await load('bookmarks/search/database/database-engine.js');
const { DatabaseIndex } = await load('bookmarks/search/database/database-index.js');
const { MemoryEngine } = await load('bookmarks/search/memory/memory-engine.js');
const { SearchService } = await load('bookmarks/search/search.service.js');

export const { searchDocument } = await load('bookmarks/search/search-document.js');

const GIB = 1024 ** 3;

/** The compiled search over the database in `folder`, without HTTP; everything is real but the memory ladder, which is calm. */
export async function openSearch(folder, environment = {}) {
  const settings = loadSettings(
    { DATA_DIR: folder, ...environment },
    { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB / 2 },
  );
  const clock = new SystemClock();
  // The timers of the clock keep no process alive, and here there is no server that does.
  const awake = setInterval(() => undefined, 1_000);
  const accounts = new ByteAccounts();
  const database = await openDatabase(settings, clock, accounts);
  const store = new SqlBookmarkStore(database, clock);
  const bus = { on: () => () => undefined };
  const intervals = { every: () => () => undefined };
  const background = {
    detach: (promise) => {
      promise.catch((error) => {
        throw error;
      });
    },
  };
  const calm = { level: () => 'normal' };
  const index = new DatabaseIndex(settings, clock, database, store, intervals, background);
  const memory = new MemoryEngine(settings, clock, store, bus, accounts, calm, intervals, background);
  const service = new SearchService(clock, store, memory, new DatabaseEngine(database, clock, index), index);
  return {
    store,
    index,
    memory,
    service,
    close: async () => {
      await memory.onApplicationShutdown();
      await index.onApplicationShutdown();
      await database.onApplicationShutdown();
      clearInterval(awake);
    },
  };
}
