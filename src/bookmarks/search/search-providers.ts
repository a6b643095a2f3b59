import { DatabaseEngine } from './database/database-engine.js';
import { DatabaseIndex } from './database/database-index.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { SearchService } from './search.service.js';

/** For the module of the room; needs the store, the database, the memory rooms and `async-ops`. */
export const SEARCH_PROVIDERS = [DatabaseIndex, DatabaseEngine, MemoryEngine, SearchService];
