import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import type { ObjectKey, ObjectStore, PutOptions } from '../../object-storage/index.js';
import { StoreWriter } from './store-writer.js';

const MIB = 1024 ** 2;
const KEY: ObjectKey = 'variants/one';
const WEBP: PutOptions = { contentType: 'image/webp' };

describe('StoreWriter', () => {
  let rooms: MemoryRooms;
  let writer: StoreWriter;
  /** How many of the next puts fail, and what holds them back. */
  let failures: number;
  let gate: Promise<void>;
  let puts: number;

  const start = async (environment: Record<string, string> = {}): Promise<void> => {
    rooms = await startMemoryRooms(environment);
    const store: ObjectStore = Object.create(rooms.store, {
      put: {
        value: async (...args: Parameters<ObjectStore['put']>) => {
          puts += 1;
          await gate;
          if (failures > 0) {
            failures -= 1;
            throw new Error('no space left');
          }
          return rooms.store.put(...args);
        },
      },
    }) as ObjectStore;
    writer = new StoreWriter(store, rooms.settings, rooms.clock, rooms.tasks, rooms.accounts);
  };

  beforeEach(async () => {
    failures = 0;
    puts = 0;
    gate = Promise.resolve();
    await start();
  });

  afterEach(async () => {
    expect(writer.snapshot()).toMatchObject({ pendingWrites: 0, pendingBytes: 0 });
    await writer.onModuleDestroy();
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
    expect(rooms.accounts.snapshot().accounts).toEqual({});
  });

  /** A promise, and what it has come to so far. */
  const watch = (promise: Promise<void>): { done: boolean; promise: Promise<void> } => {
    const watched = { done: false, promise };
    watched.promise = promise.then(() => void (watched.done = true));
    return watched;
  };

  const hold = (): (() => void) => {
    let release = (): void => undefined;
    gate = new Promise((resolve) => void (release = resolve));
    return release;
  };

  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('returns before the store is done, and says when it is', async () => {
    const release = hold();

    await writer.write(KEY, Buffer.alloc(10), WEBP);
    const settled = watch(writer.settled(KEY));
    await turn();
    expect(settled.done).toBe(false);
    expect(writer.snapshot()).toEqual({ pendingWrites: 1, pendingBytes: 10, failedWrites: 0 });
    expect(rooms.tasks.snapshot().running).toBe(1);
    release();
    await settled.promise;

    expect((await rooms.store.head(KEY))?.bytes).toBe(10);
  });

  it('has nothing to wait for when nothing is written', async () => {
    await expect(writer.settled('originals/unknown')).resolves.toBeUndefined();
  });

  it('tries again after half a second and after two more', async () => {
    failures = 2;

    await writer.write(KEY, Buffer.alloc(10), WEBP);
    const settled = watch(writer.settled(KEY));
    await turn();
    await rooms.clock.advanceAsync(499);
    expect(puts).toBe(1);
    await rooms.clock.advanceAsync(1);
    expect(puts).toBe(2);
    await rooms.clock.advanceAsync(1_999);
    expect([puts, settled.done]).toEqual([2, false]);
    await rooms.clock.advanceAsync(1);
    await settled.promise;

    expect(puts).toBe(3);
    expect(await rooms.store.head(KEY)).not.toBeNull();
    expect(writer.snapshot().failedWrites).toBe(0);
  });

  it('gives up after three attempts without failing anybody, and counts it', async () => {
    failures = Infinity;

    await writer.write(KEY, Buffer.alloc(10), WEBP);
    const settled = watch(writer.settled(KEY));
    await rooms.clock.advanceAsync(10_000, 500);
    await settled.promise;

    expect(puts).toBe(3);
    expect(writer.snapshot()).toEqual({ pendingWrites: 0, pendingBytes: 0, failedWrites: 1 });
    expect(rooms.tasks.snapshot()).toMatchObject({ failed: 0, running: 0 });
  });

  it('lets those wait for their own write that come over the backlog of 16 MiB', async () => {
    const release = hold();

    await writer.write('variants/a', Buffer.alloc(8 * MIB), WEBP);
    await writer.write('variants/b', Buffer.alloc(8 * MIB), WEBP);
    const third = watch(writer.write('variants/c', Buffer.alloc(1), WEBP));
    await turn();
    expect(third.done).toBe(false);
    expect(writer.snapshot()).toMatchObject({ pendingWrites: 3, pendingBytes: 16 * MIB + 1 });
    release();
    await third.promise;
    await Promise.all([writer.settled('variants/a'), writer.settled('variants/b')]);

    const fourth = watch(writer.write('variants/d', Buffer.alloc(1), WEBP));
    await fourth.promise;
    await writer.settled('variants/d');
    expect(puts).toBe(4);
  });

  it('never rejects, not even those who wait', async () => {
    failures = Infinity;
    const first = watch(writer.write('variants/a', Buffer.alloc(17 * MIB), WEBP));

    await rooms.clock.advanceAsync(10_000, 500);
    await first.promise;

    expect(writer.snapshot().failedWrites).toBe(1);
  });

  it('waits for both of two writes of one key', async () => {
    const release = hold();
    await writer.write(KEY, Buffer.alloc(1), WEBP);
    gate = Promise.resolve();
    await writer.write(KEY, Buffer.alloc(2), WEBP);

    const settled = watch(writer.settled(KEY));
    const destroyed = watch(writer.onModuleDestroy());
    await turn();
    expect([settled.done, destroyed.done]).toEqual([false, false]);
    release();
    await Promise.all([settled.promise, destroyed.promise]);
  });

  it('ends with what is under way, retries included', async () => {
    failures = 1;
    await writer.write(KEY, Buffer.alloc(10), WEBP);

    const destroyed = watch(writer.onModuleDestroy());
    await turn();
    expect(destroyed.done).toBe(false);
    await rooms.clock.advanceAsync(500);
    await destroyed.promise;

    expect(await rooms.store.head(KEY)).not.toBeNull();
  });

  it('writes nothing with READ_ONLY', async () => {
    await writer.onModuleDestroy();
    await rooms.close();
    await start({ READ_ONLY: 'on' });

    await writer.write(KEY, Buffer.alloc(10), WEBP);

    expect(puts).toBe(0);
    expect(writer.snapshot()).toEqual({ pendingWrites: 0, pendingBytes: 0, failedWrites: 0 });
  });
});
