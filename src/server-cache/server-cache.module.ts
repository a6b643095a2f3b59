import { CacheModule } from '@nestjs/cache-manager';
import { Global, Module } from '@nestjs/common';
import { createKeyv } from './keyv-server-cache-store.js';
import { ServerCache } from './server-cache.js';
import { ServerCacheCoordinator } from './server-cache-coordinator.js';

@Module({ providers: [ServerCache], exports: [ServerCache] })
class ServerCacheStoreModule {}

/**
 * Metadata in memory, for direct use and behind `CACHE_MANAGER` of `@nestjs/cache-manager` (global). Uses `config`,
 * `clock`, `events`, `process-memory` and `async-ops`.
 */
@Global()
@Module({
  imports: [
    ServerCacheStoreModule,
    CacheModule.registerAsync({
      isGlobal: true,
      imports: [ServerCacheStoreModule],
      inject: [ServerCache],
      useFactory: (cache: ServerCache) => ({ stores: [createKeyv(cache)] }),
    }),
  ],
  providers: [ServerCacheCoordinator],
  exports: [ServerCacheStoreModule],
})
export class ServerCacheModule {}
