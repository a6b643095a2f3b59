export type { FamilyStats } from './cache-families.js';
export type { RefusalReason } from './cache-value.js';
export type {
  CacheAction,
  CacheLookup,
  RefreshOptions,
  ServerCacheStats,
  SetOptions,
} from './cache-types.js';
export { ServerCache } from './server-cache.js';
export { ServerCacheModule } from './server-cache.module.js';
