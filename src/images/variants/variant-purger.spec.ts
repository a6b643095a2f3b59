import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import type { ObjectInfo, ObjectKey, ObjectStore } from '../../object-storage/index.js';
import { VariantPurger } from './variant-purger.js';

describe('VariantPurger', () => {
  let rooms: MemoryRooms;
  let purger: VariantPurger;
  let walks: number;
  /** What each walk waits for before it begins; a rejection fails it. */
  let gates: Promise<void>[];

  beforeEach(async () => {
    rooms = await startMemoryRooms();
    walks = 0;
    gates = [];
    const store = Object.create(rooms.store, {
      list: {
        value: async function* (prefix: 'variants/'): AsyncGenerator<ObjectInfo> {
          await gates[walks++];
          yield* rooms.store.list(prefix);
        },
      },
    }) as ObjectStore;
    purger = new VariantPurger(store);
    for (const source of ['a', 'b', 'c']) {
      for (const size of [1, 2]) await put(`variants/${source}${size}`, { sourceKey: `uploads/${source}` });
    }
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  const put = (key: ObjectKey, attributes: ObjectInfo['attributes']): Promise<unknown> =>
    rooms.store.put(key, Buffer.from(key), { contentType: 'image/webp', attributes });

  const left = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of rooms.store.list('variants/')) keys.push(key.slice('variants/'.length));
    return keys.sort();
  };

  it('removes the variants of a source and no others', async () => {
    await put('variants/stray', {});

    await purger.purge('uploads/b');

    expect(await left()).toEqual(['a1', 'a2', 'c1', 'c2', 'stray']);
  });

  it('lets all that come during a walk share the next one', async () => {
    let release = (): void => undefined;
    gates = [new Promise((resolve) => void (release = resolve))];

    const first = purger.purge('uploads/a');
    const later = [purger.purge('uploads/b'), purger.purge('uploads/c'), purger.purge('uploads/b')];
    release();
    await first;
    await Promise.all(later);

    expect(walks).toBe(2);
    expect(await left()).toEqual([]);
  });

  it('walks again for one that comes after', async () => {
    await purger.purge('uploads/a');
    await purger.purge('uploads/b');

    expect(walks).toBe(2);
    expect(await left()).toEqual(['c1', 'c2']);
  });

  it('fails only those whose walk failed', async () => {
    let fail = (_error: Error): void => undefined;
    gates = [new Promise((_resolve, reject) => void (fail = reject))];

    const first = purger.purge('uploads/a');
    const second = purger.purge('uploads/b');
    const failed = expect(first).rejects.toThrow('no disk');
    fail(new Error('no disk'));
    await failed;
    await second;

    expect(await left()).toEqual(['a1', 'a2', 'c1', 'c2']);
    await purger.purge('uploads/a');
    expect(await left()).toEqual(['c1', 'c2']);
  });
});
