import { DatabaseModule } from '../../database/index.js';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import { BOOKMARK_STORE, type BookmarkDraft } from '../model/bookmark-store.js';
import { draftOf } from '../repository/drafts.fixture.js';
import { SqlBookmarkStore } from '../repository/sql-bookmark-store.js';
import { DatabaseIndex } from './database/database-index.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { SEARCH_PROVIDERS } from './search-providers.js';
import { SearchService, type SearchAnswer, type SearchRequest } from './search.service.js';

/** The real search over a real database, on a clock and on memory readings that the test owns. */
export interface SearchRooms extends MemoryRooms {
  readonly rows: SqlBookmarkStore;
  readonly search: SearchService;
  readonly memoryEngine: MemoryEngine;
  readonly databaseIndex: DatabaseIndex;
  /** Saves one bookmark; its path says which. @returns its id */
  save(path: string, more?: Partial<BookmarkDraft>, host?: string): Promise<string>;
  /** Searches and has the index in memory built when there is none. */
  find(text: string, more?: Partial<SearchRequest>): Promise<SearchAnswer>;
  /** Paths of the hits, in order. */
  paths(text: string, more?: Partial<SearchRequest>): Promise<readonly string[]>;
  /** Searches once, so that the index is built, and waits for it. */
  buildMemoryIndex(): Promise<void>;
}

export async function startSearchRooms(
  environment: Readonly<Record<string, string>> = {},
): Promise<SearchRooms> {
  const rooms = await startMemoryRooms(environment, {
    imports: [DatabaseModule],
    providers: [
      SqlBookmarkStore,
      { provide: BOOKMARK_STORE, useExisting: SqlBookmarkStore },
      ...SEARCH_PROVIDERS,
    ],
  });
  const rows = rooms.get(SqlBookmarkStore);
  const search = rooms.get(SearchService);
  const memoryEngine = rooms.get(MemoryEngine);
  const find = (text: string, more: Partial<SearchRequest> = {}): Promise<SearchAnswer> =>
    search.search({ text, ...more });
  return {
    ...rooms,
    rows,
    search,
    memoryEngine,
    databaseIndex: rooms.get(DatabaseIndex),
    find,
    save: async (path, more = {}, host = 'example.com') => {
      const [saved] = await rows.insert([draftOf(path, { values: { title: path }, ...more }, host)], 'keep');
      return (saved as { bookmark: { id: string } }).bookmark.id;
    },
    paths: async (text, more = {}) => {
      const { hits } = await find(text, more);
      return hits.map(({ bookmark }) => new URL(bookmark.url).pathname.slice(1));
    },
    buildMemoryIndex: async () => {
      await find('anything');
      await memoryEngine.settled();
    },
  };
}
