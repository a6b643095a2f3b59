import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { FilesystemStore } from './filesystem-store.js';
import type { LocalObject, ObjectKey, Spool } from './object-store.js';
import { filesBelow, openStore, temporaryFolder } from './store.fixture.js';

const OPTIONS = { contentType: 'image/webp' } as const;
const MAX_BYTES = 1000;

describe('the bound of what can be made again', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let clock: FakeClock;
  let store: FilesystemStore;

  const open = (): Promise<FilesystemStore> =>
    openStore({ dataDir: folder.path, maxBytes: MAX_BYTES, clock });

  beforeEach(async () => {
    folder = await temporaryFolder();
    clock = new FakeClock(Date.now());
    store = await open();
  });

  afterEach(async () => {
    const { openSpools, pinned } = store.snapshot();
    await store.onApplicationShutdown();
    await folder.remove();
    expect({ openSpools, pinned }).toEqual({ openSpools: 0, pinned: 0 });
  });

  async function restart(maxBytes = MAX_BYTES): Promise<void> {
    await store.onApplicationShutdown();
    store = await openStore({ dataDir: folder.path, maxBytes, clock });
  }

  const put = (key: ObjectKey, bytes: number): Promise<{ readonly stored: boolean }> =>
    store.put(key, Buffer.alloc(bytes, 7), OPTIONS);

  async function present(...keys: ObjectKey[]): Promise<string[]> {
    const found = await Promise.all(keys.map(async (key) => ((await store.head(key)) === null ? [] : [key])));
    return found.flat();
  }

  /** Bytes of data files on the disk itself, uploads apart. */
  async function evictableOnDisk(): Promise<number> {
    const files = (await filesBelow(folder.path)).filter((file) =>
      /^objects\/(originals|variants)/.test(file),
    );
    const data = files.filter((file) => !file.endsWith('.json'));
    const sizes = await Promise.all(data.map(async (file) => (await stat(join(folder.path, file))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async function spoolOf(bytes: number): Promise<Spool> {
    const spool = await store.createSpool();
    await pipeline(Readable.from([Buffer.alloc(bytes, 1)]), spool.writable);
    return spool;
  }

  it('evicts the least recently used, over both kinds', async () => {
    await put('originals/1', 300);
    await put('variants/2', 300);
    await put('originals/3', 300);
    await store.read('originals/1');

    await put('variants/4', 400);

    expect(await present('originals/1', 'variants/2', 'originals/3', 'variants/4')).toEqual([
      'originals/1',
      'originals/3',
      'variants/4',
    ]);
  });

  it.each(['read', 'openRead', 'openLocal'] as const)(
    'counts %s as a use, and head as none',
    async (method) => {
      await put('variants/used', 400);
      await put('variants/asked', 400);
      await store.head('variants/used');
      const used = await store[method]('variants/used');
      if (used !== null && 'stream' in used) used.stream.resume();
      if (used !== null && 'release' in used) used.release();
      await store.head('variants/asked');

      await put('variants/new', 400);

      expect(await present('variants/used', 'variants/asked', 'variants/new')).toEqual([
        'variants/used',
        'variants/new',
      ]);
    },
  );

  it('never evicts nor counts uploads', async () => {
    await put('uploads/a', 5000);
    await put('variants/b', 900);
    await put('variants/c', 900);

    expect(await present('uploads/a', 'variants/b', 'variants/c')).toEqual(['uploads/a', 'variants/c']);
    expect(store.snapshot()).toMatchObject({ evictions: 1, notStored: 0 });
  });

  it('remembers the order over a restart, to ten minutes', async () => {
    for (const key of ['variants/1', 'variants/2', 'variants/3'] as const) {
      await put(key, 300);
      clock.advance(15 * 60_000);
    }
    // The data files were written just now by the machine's clock: only the noted uses tell the order.
    for (const key of ['variants/2', 'variants/3', 'variants/1'] as const) {
      await store.read(key);
      clock.advance(15 * 60_000);
    }
    await restart();

    await put('variants/4', 300);

    expect(await present('variants/1', 'variants/2', 'variants/3', 'variants/4')).toEqual([
      'variants/1',
      'variants/3',
      'variants/4',
    ]);
  });

  it('writes a last use to disk at most once in ten minutes', async () => {
    await put('variants/1', 300);
    const [data] = (await filesBelow(folder.path)).filter((file) => !file.endsWith('.json'));
    const noted = async (): Promise<number> => (await stat(join(folder.path, data ?? ''))).mtimeMs;
    clock.advance(600_000 - (clock.now() % 600_000));
    await store.read('variants/1');
    const first = await noted();
    clock.advance(599_000);
    await store.read('variants/1');
    expect(await noted()).toBe(first);

    clock.advance(1_000);
    await store.read('variants/1');

    expect((await noted()) - first).toBe(600_000);
  });

  it('does not evict what is held as a local object, nor keep what then finds no room', async () => {
    await put('originals/held', 800);
    const local = (await store.openLocal('originals/held')) as LocalObject;

    expect(await put('variants/large', 300)).toMatchObject({ stored: false });
    expect(await put('variants/small', 200)).toMatchObject({ stored: true });
    expect(await put('variants/other', 150)).toMatchObject({ stored: true });
    expect(await present('originals/held', 'variants/small', 'variants/other')).toEqual([
      'originals/held',
      'variants/other',
    ]);

    local.release();
    expect(await put('variants/large', 900)).toMatchObject({ stored: true });
  });

  it('counts a replaced file that is still held', async () => {
    await put('originals/held', 500);
    const local = (await store.openLocal('originals/held')) as LocalObject;
    await put('originals/held', 400);

    expect(await put('variants/b', 300)).toMatchObject({ stored: true });
    expect(await evictableOnDisk()).toBeLessThanOrEqual(MAX_BYTES);

    local.release();
  });

  describe('an object larger than the bound', () => {
    it('is not stored, evicts nothing and replaces nothing', async () => {
      await put('variants/a', 600);
      await put('originals/b', 300);

      expect(await put('originals/b', MAX_BYTES + 1)).toMatchObject({ stored: false, bytes: MAX_BYTES + 1 });

      expect((await store.head('originals/b'))?.bytes).toBe(300);
      expect(store.snapshot()).toMatchObject({ evictions: 0, notStored: 1 });
    });

    it('stays in its spool, for the caller to serve and discard', async () => {
      const spool = await spoolOf(MAX_BYTES + 1);

      const result = await store.commit(spool, 'originals/big', OPTIONS);

      expect(result).toMatchObject({ stored: false, sha256: spool.sha256, bytes: MAX_BYTES + 1 });
      expect((await stat(spool.path)).size).toBe(MAX_BYTES + 1);
      await spool.discard();
      expect(await filesBelow(folder.path)).toEqual([]);
    });

    it('may use the bound to the last byte', async () => {
      expect(await put('originals/b', MAX_BYTES)).toMatchObject({ stored: true });
      expect(await put('originals/c', MAX_BYTES)).toMatchObject({ stored: true });
      expect(await evictableOnDisk()).toBe(MAX_BYTES);
    });
  });

  it('is brought down after a restart with a smaller one, oldest first', async () => {
    for (let index = 0; index < 10; index++) {
      await put(`variants/${index}`, 100);
      clock.advance(3_600_000);
      await store.read(`variants/${index}`);
    }

    await restart(250);

    expect(await evictableOnDisk()).toBe(200);
    expect(await present('variants/7', 'variants/8', 'variants/9')).toEqual(['variants/8', 'variants/9']);
  });

  it('keeps nothing when it is 0, and uploads all the same', async () => {
    await restart(0);

    expect(await put('variants/a', 1)).toMatchObject({ stored: false });
    expect(await put('uploads/a', 1)).toMatchObject({ stored: true });
  });

  it('holds under any mix of work, on the disk itself, whatever fails to fit', async () => {
    const keys = [
      'originals/a',
      'originals/b',
      'variants/a',
      'variants/b',
      'variants/c',
      'variants/d',
    ] as const;
    const key = fc.constantFrom(...keys);
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('put' as const),
          key,
          bytes: fc.integer({ min: 0, max: 700 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('spool' as const),
          key,
          bytes: fc.integer({ min: 0, max: 1200 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), key, bytes: fc.constant(0) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), key, bytes: fc.constant(0) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('release' as const), key, bytes: fc.constant(0) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key, bytes: fc.constant(0) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('restart' as const), key, bytes: fc.constant(0) }),
      },
    );
    let held: LocalObject[] = [];
    const act = async ({
      do: what,
      key: target,
      bytes,
    }: {
      do: string;
      key: ObjectKey;
      bytes: number;
    }): Promise<void> => {
      if (what === 'put') await put(target, bytes);
      else if (what === 'spool') {
        const spool = await spoolOf(bytes);
        await store.commit(spool, target, OPTIONS);
        await spool.discard();
      } else if (what === 'read') await store.read(target);
      else if (what === 'delete') await store.delete(target);
      else if (what === 'hold') {
        const local = await store.openLocal(target);
        if (local !== null) held.push(local);
      } else if (what === 'release') held.shift()?.release();
    };

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async (rounds) => {
          for (const round of rounds) {
            if (round.some((one) => one.do === 'restart')) {
              for (const local of held) local.release();
              held = [];
              await restart();
            }
            await Promise.all(round.map(act));
            expect(await evictableOnDisk()).toBeLessThanOrEqual(MAX_BYTES);
            for (const local of held) expect((await stat(local.path)).size).toBe(local.info.bytes);
          }
          for (const local of held) local.release();
          held = [];
          for (const one of keys) await store.delete(one);
          await restart();
          expect(await filesBelow(folder.path)).toEqual([]);
          const { originals, variants } = store.snapshot().objects;
          expect({ originals, variants }).toEqual({
            originals: { count: 0, bytes: 0 },
            variants: { count: 0, bytes: 0 },
          });
          expect(store.snapshot().corruptDropped).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});
