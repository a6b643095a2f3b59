import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { FilesystemStore } from './filesystem-store.js';
import type { ObjectKey, WriteResult } from './object-store.js';
import { FaultyDisk, filesBelow, openStore, temporaryFolder } from './store.fixture.js';

const JPEG = { contentType: 'image/jpeg' } as const;
const run = promisify(execFile);

describe('FilesystemStore on a disk that fails', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let disk: FaultyDisk;
  let clock: FakeClock;
  let store: FilesystemStore;

  beforeEach(async () => {
    folder = await temporaryFolder();
    disk = new FaultyDisk();
    clock = new FakeClock(Date.now());
    store = await openStore({ dataDir: folder.path, disk, clock });
  });

  afterEach(async () => {
    disk.fault = () => null;
    const { openSpools, openStreams, pinned } = store.snapshot();
    await store.onApplicationShutdown();
    await folder.remove();
    expect({ openSpools, openStreams, pinned }).toEqual({ openSpools: 0, openStreams: 0, pinned: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  const old = Buffer.from('the old bytes');
  const fresh = randomBytes(100_000);

  const writes: Record<string, (key: ObjectKey) => Promise<WriteResult>> = {
    put: (key) => store.put(key, fresh, JPEG),
    'durable put': (key) => store.put(key, fresh, { ...JPEG, durable: true }),
    commit: async (key) => {
      const spool = await store.createSpool();
      try {
        await pipeline(Readable.from([fresh]), spool.writable);
        return await store.commit(spool, key, { ...JPEG, durable: true });
      } finally {
        await spool.discard();
      }
    },
  };

  describe.each(Object.keys(writes))('%s', (name) => {
    it.each(['ENOSPC', 'EIO', 'EROFS', 'EMFILE', 'EACCES'])(
      'fails with storage-unavailable at %s in whichever call, and leaves old or new whole and no file over',
      async (code) => {
        const key = 'uploads/x';
        for (let failing = 0; ; failing++) {
          await store.put(key, old, JPEG);
          disk.calls.length = 0;
          let hit: string | null = null;
          disk.fault = (call, path) => {
            // A close or a removal that fails must not undo a write; they have a test of their own.
            if (call === 'close' || call === 'unlink' || disk.calls.length - 1 !== failing) return null;
            hit = `${call} ${path}`;
            return code;
          };
          const written = await writes[name]?.(key).catch((error: unknown) => error);
          const through = disk.calls.length <= failing;
          disk.fault = () => null;
          const refused = (written as { code?: string }).code === 'storage-unavailable';
          expect({ failing, hit, refused }).toEqual({ failing, hit, refused: hit !== null });

          const found = (await store.read(key))?.bytes;
          const isWhole = found?.equals(old) === true || found?.equals(fresh) === true;
          expect({ failing, hit, isWhole }).toEqual({ failing, hit, isWhole: true });
          await store.delete(key);
          const left = (await filesBelow(folder.path)).filter(
            // Past the commit the replaced data may stay until the next start, when it is swept.
            (file) => file.startsWith('tmp/') || (found?.equals(old) === true && file.startsWith('objects/')),
          );
          expect({ failing, hit, left }).toEqual({ failing, hit, left: [] });
          if (through) break;
        }
        expect(store.snapshot().corruptDropped).toBe(0);
      },
    );

    it('never stores what a close has lost', async () => {
      for (let failing = 0; failing < 3; failing++) {
        await store.put('uploads/x', old, JPEG);
        let closes = 0;
        disk.fault = (call) => (call === 'close' && closes++ === failing ? 'EIO' : null);
        const written = await writes[name]?.('uploads/x').catch((error: unknown) => error);
        disk.fault = () => null;

        const found = (await store.read('uploads/x'))?.bytes;
        const isError = (written as { code?: string }).code === 'storage-unavailable';
        expect(found?.equals(old) === true ? isError : found?.equals(fresh)).toBe(true);
      }
    });
  });

  it('keeps a spool for another try when its commit fails', async () => {
    const spool = await store.createSpool();
    await pipeline(Readable.from([fresh]), spool.writable);
    disk.fault = (call, path) => (call === 'rename' && path.endsWith('.json') ? 'ENOSPC' : null);
    await expect(store.commit(spool, 'originals/x', JPEG)).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await filesBelow(folder.path)).toEqual([spool.path.slice(folder.path.length + 1)]);

    disk.fault = () => null;
    await store.commit(spool, 'originals/x', JPEG);

    expect((await store.read('originals/x'))?.bytes.equals(fresh)).toBe(true);
    expect(await filesBelow(folder.path)).toHaveLength(2);
  });

  it('fails the writer of a spool when the disk is full', async () => {
    const spool = await store.createSpool();
    disk.fault = (call) => (call === 'writev' ? 'ENOSPC' : null);

    const writing = pipeline(Readable.from([fresh, fresh]), spool.writable);

    await expect(writing).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: expect.stringContaining('full'),
    });
    await expect(store.commit(spool, 'uploads/x', JPEG)).rejects.toThrow(TypeError);
    await spool.discard();
    expect(await filesBelow(folder.path)).toEqual([]);
  });

  it.each(['EIO', 'EMFILE', 'EACCES'])(
    'calls an object unavailable, not missing, at %s while reading',
    async (code) => {
      await store.put('uploads/x', fresh, JPEG);
      await store.onApplicationShutdown();
      store = await openStore({ dataDir: folder.path, disk, clock });
      for (const call of ['open', 'readv'] as const) {
        for (const act of [
          () => store.read('uploads/x'),
          () => store.setAttributes('uploads/x', {}),
          () => store.delete('uploads/x'),
        ]) {
          disk.fault = (called) => (called === call ? code : null);
          const result = await act().catch((error: unknown) => error);
          expect(result).toMatchObject({ code: 'storage-unavailable' });
          disk.fault = () => null;
        }
        expect((await store.read('uploads/x'))?.bytes.equals(fresh)).toBe(true);
      }
      expect(store.snapshot().corruptDropped).toBe(0);
    },
  );

  it('ends a stream with an error when the disk fails under it', async () => {
    await store.put('originals/x', fresh, JPEG);
    const opened = await store.openRead('originals/x');
    disk.fault = (call) => (call === 'read' ? 'EIO' : null);

    await expect(buffer(opened?.stream as Readable)).rejects.toMatchObject({ code: 'storage-unavailable' });
  });

  it('keeps what it could not evict, and says that it cannot write', async () => {
    await store.onApplicationShutdown();
    store = await openStore({ dataDir: folder.path, disk, clock, maxBytes: 150_000 });
    await store.put('variants/a', fresh, JPEG);
    disk.fault = (call) => (call === 'unlink' ? 'EROFS' : null);

    await expect(store.put('variants/b', fresh, JPEG)).rejects.toMatchObject({ code: 'storage-unavailable' });

    expect((await store.read('variants/a'))?.bytes.equals(fresh)).toBe(true);
    expect(store.snapshot()).toMatchObject({ evictions: 0, objects: { variants: { count: 1 } } });
  });

  it('scans again after a minute when a scan failed', async () => {
    await store.put('variants/a', fresh, JPEG);
    await store.onApplicationShutdown();
    disk.fault = (call) => (call === 'readdir' ? 'EIO' : null);
    store = await openStore({ dataDir: folder.path, disk, clock });
    expect(store.snapshot().indexed).toBe(false);
    expect((await store.read('variants/a'))?.bytes.equals(fresh)).toBe(true);

    disk.fault = () => null;
    clock.advance(60_000);
    await store.whenScanned();

    expect(store.snapshot()).toMatchObject({
      indexed: true,
      objects: { variants: { count: 1, bytes: 100_000 } },
    });
  });

  describe('a durable write', () => {
    /** The calls that matter for a power cut, with what they are about. */
    function order(): string[] {
      const kind = (path: string): string => {
        const below = path.slice(folder.path.length + 1);
        return below.startsWith('tmp/') ? 'tmp' : 'shard';
      };
      return disk.calls
        .filter(({ call }) => ['sync', 'syncFolder', 'rename', 'unlink'].includes(call))
        .map(({ call, path }) => (call === 'sync' ? 'sync file' : `${call} ${kind(path)}`));
    }

    it('has its bytes and record on disk before the record is renamed, and the folders before it resolves', async () => {
      await store.put('uploads/x', old, { ...JPEG, durable: true });
      disk.calls.length = 0;

      await store.put('uploads/x', fresh, { ...JPEG, durable: true });

      expect(order()).toEqual([
        'sync file',
        'sync file',
        'rename tmp',
        'syncFolder shard',
        'sync file',
        'unlink shard',
      ]);
    });

    it('syncs the folders above a new shard as well, once', async () => {
      await store.put('uploads/x', old, { ...JPEG, durable: true });

      expect(order().filter((step) => step === 'syncFolder shard').length).toBeGreaterThanOrEqual(3);
    });

    it('does the same for a spool', async () => {
      await writes['commit']?.('uploads/y');
      disk.calls.length = 0;

      await writes['commit']?.('uploads/y');

      const steps = order();
      expect(steps.slice(0, 4)).toEqual(['sync file', 'sync file', 'rename tmp', 'rename tmp']);
      expect(steps.slice(4)).toEqual(['syncFolder shard', 'sync file', 'unlink shard']);
    });

    it('is not paid for by writes that nobody was promised', async () => {
      await store.put('variants/x', fresh, JPEG);
      disk.calls.length = 0;

      await store.put('variants/y', fresh, JPEG);
      await store.setAttributes('variants/y', { a: 1 });

      expect(order().filter((step) => step.startsWith('sync'))).toEqual([]);
    });

    it('deletes durably: the record, the folder, then the bytes', async () => {
      await store.put('uploads/x', old, { ...JPEG, durable: true });
      disk.calls.length = 0;

      await store.delete('uploads/x');

      expect(order()).toEqual(['unlink shard', 'syncFolder shard', 'sync file', 'unlink shard']);
    });
  });

  it('needs few calls for what every picture pays', async () => {
    await store.put('variants/a', fresh, JPEG);
    const count = async (act: () => Promise<unknown>): Promise<number> => {
      const before = disk.calls.length;
      await act();
      return disk.calls.length - before;
    };
    const key = 'variants/a' as const;

    expect(await count(() => store.put(key, fresh, JPEG))).toBe(8);
    expect(await count(() => store.head(key))).toBe(0);
    expect(await count(() => store.head('variants/unknown'))).toBe(0);
    expect(await count(() => store.read(key))).toBe(3);
    expect(await count(async () => (await store.openLocal(key))?.release())).toBe(1);
  });

  describe('checkWritable', () => {
    it('asks the disk at most once in five seconds while it is well, and at once when it was not', async () => {
      await store.checkWritable();
      const before = disk.calls.length;
      await Promise.all([store.checkWritable(), store.checkWritable()]);
      expect(disk.calls.length).toBe(before);

      clock.advance(5_000);
      disk.fault = (call) => (call === 'write' ? 'ENOSPC' : null);
      await expect(store.checkWritable()).rejects.toMatchObject({ code: 'storage-unavailable' });
      disk.fault = () => null;
      await expect(store.checkWritable()).resolves.toBeUndefined();
      expect(await filesBelow(folder.path)).toEqual([]);
    });

    it('answers within five seconds when the disk hangs, and starts no second probe', async () => {
      let wake = (): void => undefined;
      const hang = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const { write } = disk;
      Object.defineProperty(disk, 'write', { value: () => hang, configurable: true });
      const probe = store.checkWritable();
      const refused = expect(probe).rejects.toMatchObject({ code: 'storage-unavailable' });
      await new Promise((resolve) => setImmediate(resolve));
      const opened = disk.calls.filter(({ call }) => call === 'open').length;
      clock.advance(5_000);
      await refused;

      const second = expect(store.checkWritable()).rejects.toMatchObject({ code: 'storage-unavailable' });
      clock.advance(5_000);
      await second;
      expect(disk.calls.filter(({ call }) => call === 'open').length - opened).toBeLessThanOrEqual(1);

      Object.defineProperty(disk, 'write', { value: write, configurable: true });
      wake();
      await store.checkWritable().catch(() => undefined);
    });
  });
});

describe('FilesystemStore without a place to write', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(() => folder.remove());

  it('is unavailable while a file stands where its folder should be, and works once it is gone', async () => {
    const clock = new FakeClock();
    await writeFile(join(folder.path, 'file'), '');
    const store = await openStore({ dataDir: join(folder.path, 'file', 'data'), clock });
    for (const act of [
      () => store.put('uploads/a', Buffer.alloc(1), JPEG),
      () => store.head('uploads/a'),
      () => store.read('variants/a'),
      () => store.createSpool(),
      () => store.delete('variants/a'),
      () => store.checkWritable(),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: 'storage-unavailable' });
    }

    await folder.remove();
    await mkdir(folder.path);

    await store.put('uploads/a', Buffer.from('works'), JPEG);
    expect((await store.read('uploads/a'))?.bytes.toString()).toBe('works');
    await store.onApplicationShutdown();
    expect(clock.pendingTimers).toBe(0);
  });

  it('serves and writes nothing with READ_ONLY', async () => {
    const writer = await openStore({ dataDir: folder.path });
    await writer.put('uploads/a', Buffer.from('served'), JPEG);
    await writer.onApplicationShutdown();
    await writeFile(join(folder.path, 'tmp', '0123456789abcdef'), 'not mine to remove');
    const before = await filesBelow(folder.path);

    const store = await openStore({ dataDir: folder.path, readOnly: true });
    const spool = { path: '', bytes: 0 } as never;
    for (const act of [
      () => store.put('uploads/b', Buffer.alloc(1), JPEG),
      () => store.createSpool(),
      () => store.commit(spool, 'uploads/b', JPEG),
      () => store.setAttributes('uploads/a', {}),
      () => store.delete('uploads/a'),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: 'read-only' });
    }

    expect((await store.read('uploads/a'))?.bytes.toString()).toBe('served');
    await store.checkWritable();
    expect(store.snapshot().objects.uploads.count).toBe(1);
    await store.onApplicationShutdown();
    expect(await filesBelow(folder.path)).toEqual(before);
  });

  it('refuses with storage-unavailable on a full disk, and serves what it has', async () => {
    const mount = join(folder.path, 'small');
    await mkdir(mount);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]).then(
      () => true,
      (error: Error) => {
        process.stdout.write(`skipped the full disk: mount is not possible here (${error.message.trim()})\n`);
        return false;
      },
    );
    if (!mounted) return;
    const store = await openStore({ dataDir: mount });
    try {
      await store.put('uploads/a', randomBytes(400_000), { ...JPEG, durable: true });

      await expect(store.put('uploads/b', randomBytes(900_000), JPEG)).rejects.toMatchObject({
        code: 'storage-unavailable',
      });
      const spool = await store.createSpool();
      await expect(
        pipeline(Readable.from([randomBytes(500_000), randomBytes(500_000)]), spool.writable),
      ).rejects.toMatchObject({ code: 'storage-unavailable' });
      await spool.discard();
      await store.put('uploads/fill', randomBytes(570_000), JPEG).catch(() => undefined);
      const filler = await store.createSpool();
      await pipeline(Readable.from([randomBytes(2_000_000)]), filler.writable).catch(() => undefined);
      await expect(store.checkWritable()).rejects.toMatchObject({ code: 'storage-unavailable' });
      await filler.discard();

      expect((await store.read('uploads/a'))?.bytes.byteLength).toBe(400_000);
      expect(await store.head('uploads/b')).toBeNull();
      expect((await filesBelow(mount)).filter((file) => file.startsWith('tmp/'))).toEqual([]);
    } finally {
      await store.onApplicationShutdown();
      await run('umount', [mount]);
    }
  });
});
