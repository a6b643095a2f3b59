import { Keyv, type KeyvStoreAdapter } from 'keyv';
import type { ServerCache } from './server-cache.js';

interface KeyvData {
  readonly value?: unknown;
  readonly expires?: number | undefined;
}

/** {@link ServerCache} as a store of Keyv 5. Entries are the same as those of direct use. */
export class KeyvServerCacheStore implements KeyvStoreAdapter {
  readonly opts = { dialect: 'plimsoll' };
  namespace: string | undefined = undefined;

  constructor(private readonly cache: ServerCache) {}

  async get<Value>(key: string): Promise<Value | undefined> {
    const found = this.cache.lookup(key);
    if (found === undefined || found.stale) return undefined;
    const data: KeyvData = { value: found.value, expires: found.expiresAt ?? undefined };
    return data as Value;
  }

  /** `false` when the cache refuses the value. */
  async set(key: string, data: KeyvData, ttl?: number): Promise<boolean> {
    return this.cache.set(key, data.value, { ttlMs: ttl });
  }

  async delete(key: string): Promise<boolean> {
    return this.cache.delete(key);
  }

  async clear(): Promise<void> {
    this.cache.clear('cache-manager');
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  /** Nothing here emits. */
  on(): this {
    return this;
  }
}

/**
 * The Keyv for `@nestjs/cache-manager`. Without serialisation: Keyv would turn Buffers into base64 text and let them
 * in, and stringify large values only to weigh them. Without namespace: it would hide the key's family.
 */
export function createKeyv(cache: ServerCache): Keyv {
  const keyv = new Keyv({ store: new KeyvServerCacheStore(cache), useKeyPrefix: false });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return keyv;
}
