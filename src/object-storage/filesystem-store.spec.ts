import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, stat, utimes, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { CLOCK, ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { ByteAccounts, ProcessMemoryModule } from '../process-memory/index.js';
import type { FilesystemStore } from './filesystem-store.js';
import { OBJECT_STORE, type ObjectStore } from './object-store.js';
import { describeObjectStore } from './object-store.contract.js';
import { EventsModule } from '../events/index.js';
import { ObjectStorageModule } from './object-storage.module.js';
import { MAX_OPEN_SPOOLS } from './spool-folder.js';
import { filesBelow, openStore, temporaryFolder } from './store.fixture.js';

describeObjectStore('FilesystemStore', async () => {
  const folder = await temporaryFolder();
  const store = await openStore({ dataDir: folder.path });
  return {
    store,
    close: async () => {
      await store.onApplicationShutdown();
      const left = (await filesBelow(folder.path)).filter((file) => file.startsWith('tmp/'));
      await folder.remove();
      assert.equal(left.join(', '), '');
    },
  };
});

const JPEG = { contentType: 'image/jpeg' } as const;
const nameOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 32);

describe('FilesystemStore', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let clock: FakeClock;
  let accounts: ByteAccounts;
  let store: FilesystemStore;

  const open = async (): Promise<FilesystemStore> => openStore({ dataDir: folder.path, clock, accounts });

  beforeEach(async () => {
    folder = await temporaryFolder();
    clock = new FakeClock(Date.now());
    accounts = new ByteAccounts();
    store = await open();
  });

  afterEach(async () => {
    await store.onApplicationShutdown();
    await folder.remove();
    expect(clock.pendingTimers).toBe(0);
    expect(accounts.snapshot().accounts).toEqual({});
  });

  const restart = async (): Promise<void> => {
    await store.onApplicationShutdown();
    store = await open();
  };

  it('keeps the bytes as they came, beside a small record, in folders by hash', async () => {
    const bytes = randomBytes(1000);
    await store.put('variants/a', bytes, JPEG);

    const files = await filesBelow(folder.path);
    const hash = nameOf('variants/a');
    const shard = `objects/variants/${hash.slice(0, 1)}/${hash.slice(1, 2)}/${hash}`;
    expect(files).toHaveLength(2);
    const [data, record] = [
      files.find((file) => !file.endsWith('.json')),
      files.find((file) => file.endsWith('.json')),
    ];
    expect(record).toBe(`${shard}.json`);
    expect(data).toMatch(new RegExp(`^${shard}\\.[0-9a-f]{16}$`));
    expect((await readFile(join(folder.path, data ?? ''))).equals(bytes)).toBe(true);
    expect(JSON.parse(await readFile(join(folder.path, record ?? ''), 'utf8'))).toMatchObject({
      record: { v: 1, key: 'variants/a', bytes: 1000, generation: data?.slice(-16) },
    });
  });

  it('leaves two files an object, however often it is replaced', async () => {
    for (let round = 0; round < 5; round++) await store.put('uploads/a', randomBytes(10 + round), JPEG);
    await store.setAttributes('uploads/a', { x: 1 });

    expect(await filesBelow(folder.path)).toHaveLength(2);
  });

  it('renames a spool into place', async () => {
    const spool = await store.createSpool();
    await new Promise<void>((resolve) => spool.writable.end(randomBytes(300), () => resolve()));
    const { ino } = await stat(spool.path);
    await store.commit(spool, 'originals/s', JPEG);

    const local = await store.openLocal('originals/s');
    expect((await stat(local?.path ?? '')).ino).toBe(ino);
    local?.release();
  });

  it('knows after a restart what it kept', async () => {
    const bytes = { u: randomBytes(11), o: randomBytes(22), v: randomBytes(33) };
    const upload = await store.put('uploads/u', bytes.u, { ...JPEG, attributes: { w: 5 } });
    await store.put('originals/o', bytes.o, JPEG);
    await store.put('variants/v', bytes.v, JPEG);

    await restart();

    expect(store.snapshot()).toMatchObject({
      indexed: true,
      objects: {
        uploads: { count: 1, bytes: 11 },
        originals: { count: 1, bytes: 22 },
        variants: { count: 1, bytes: 33 },
      },
    });
    expect({ ...(await store.head('uploads/u')), stored: true }).toEqual(upload);
    expect((await store.read('variants/v'))?.bytes.equals(bytes.v)).toBe(true);
    await store.delete('uploads/u');
    await store.put('originals/o', randomBytes(7), JPEG);
    expect(store.snapshot().objects).toMatchObject({
      uploads: { count: 0, bytes: 0 },
      originals: { count: 1, bytes: 7 },
    });
  });

  it('answers from the disk while the scan has not run', async () => {
    await store.put('variants/v', Buffer.from('there'), JPEG);
    await store.put('uploads/u', Buffer.from('kept'), JPEG);
    await store.onApplicationShutdown();
    store = await openStore({ dataDir: folder.path, clock, accounts, scan: false });

    expect(store.snapshot().indexed).toBe(false);
    expect((await store.read('variants/v'))?.bytes.toString()).toBe('there');
    await store.put('variants/v', Buffer.from('replaced'), JPEG);
    await store.put('uploads/u', Buffer.from('kept longer'), JPEG);
    store.onModuleInit();
    await store.whenScanned();

    expect((await store.read('variants/v'))?.bytes.toString()).toBe('replaced');
    expect(store.snapshot().objects).toMatchObject({
      uploads: { count: 1, bytes: 11 },
      variants: { count: 1, bytes: 8 },
    });
    expect(await filesBelow(folder.path)).toHaveLength(4);
  });

  describe('what a killed process left', () => {
    const old = new Date('2020-01-01');

    async function plant(path: string, when = old): Promise<string> {
      const full = join(folder.path, path);
      await mkdir(join(full, '..'), { recursive: true });
      await writeFile(full, 'left behind');
      await utimes(full, when, when);
      return full;
    }

    it('is removed: temporary files, and data that no record names', async () => {
      await store.put('uploads/a', Buffer.from('named'), JPEG);
      const hash = nameOf('uploads/a');
      await plant('tmp/0123456789abcdef');
      await plant('tmp/0123456789abcdef.json');
      await plant(`objects/uploads/${hash.slice(0, 1)}/${hash.slice(1, 2)}/${hash}.0123456789abcdef`);
      await plant('objects/variants/a/b/abcd5678901234567890123456789012.0123456789abcdef');

      await restart();

      expect(await filesBelow(folder.path)).toHaveLength(2);
      expect((await store.read('uploads/a'))?.bytes.toString()).toBe('named');
      expect(store.snapshot().objects.variants.count).toBe(0);
    });

    it('stays when it was written after this start: another process may be at it', async () => {
      const fresh = new Date(clock.now() + 60_000);
      await plant('tmp/0123456789abcdef', fresh);
      await plant('objects/variants/a/b/abcd5678901234567890123456789012.0123456789abcdef', fresh);

      await restart();

      expect(await filesBelow(folder.path)).toHaveLength(2);
    });

    it('stays when the record beside it cannot be read', async () => {
      await store.put('uploads/a', Buffer.from('named'), JPEG);
      const files = await filesBelow(folder.path);
      const record = join(folder.path, files.find((file) => file.endsWith('.json')) ?? '');
      await writeFile(record, '{');
      const hash = nameOf('uploads/a');
      await plant(`objects/uploads/${hash.slice(0, 1)}/${hash.slice(1, 2)}/${hash}.0123456789abcdef`);

      await restart();

      expect(await filesBelow(folder.path)).toHaveLength(3);
    });

    it('does not include files of others', async () => {
      await plant('objects/variants/a/b/README');
      await plant('objects/variants/notes.txt');

      await restart();

      expect(await filesBelow(folder.path)).toEqual([
        'objects/variants/a/b/README',
        'objects/variants/notes.txt',
      ]);
    });
  });

  describe('at shutdown', () => {
    it('removes open spools and refuses new ones', async () => {
      const spools = await Promise.all([store.createSpool(), store.createSpool()]);
      spools[0].writable.write('half an upload');

      await store.onApplicationShutdown();

      expect(await filesBelow(folder.path)).toEqual([]);
      expect(store.snapshot().openSpools).toBe(0);
      await expect(store.createSpool()).rejects.toMatchObject({ code: 'shutting-down' });
    });

    it('ends open streams with an error, and closes their files', async () => {
      await store.put('originals/a', randomBytes(500_000), JPEG);
      const opened = await store.openRead('originals/a');
      const read = buffer(opened?.stream as Readable);
      const refused = expect(read).rejects.toMatchObject({ code: 'storage-unavailable' });

      await store.onApplicationShutdown();

      await refused;
      expect(store.snapshot().openStreams).toBe(0);
    });

    it('ends a scan that runs', async () => {
      for (let index = 0; index < 50; index++) await store.put(`variants/${index}`, Buffer.alloc(1), JPEG);
      await store.onApplicationShutdown();
      store = await openStore({ dataDir: folder.path, clock, accounts, scan: false });
      store.onModuleInit();

      await store.onApplicationShutdown();

      expect(store.snapshot().indexed).toBe(false);
    });
  });

  it('opens a bounded number of spools', async () => {
    const spools = await Promise.all(Array.from({ length: MAX_OPEN_SPOOLS }, () => store.createSpool()));

    await expect(store.createSpool()).rejects.toMatchObject({ code: 'server-busy' });

    await spools[0]?.discard();
    await (await store.createSpool()).discard();
    await Promise.all(spools.map((spool) => spool.discard()));
  });

  it('calls an object unavailable, not missing, when its volume is gone', async () => {
    await store.put('uploads/a', Buffer.from('still there'), JPEG);
    await restart();
    await rename(join(folder.path, 'objects'), join(folder.path, 'away'));
    await expect(store.head('uploads/a')).rejects.toMatchObject({ code: 'storage-unavailable' });
    await expect(store.put('uploads/b', Buffer.alloc(1), JPEG)).rejects.toMatchObject({
      code: 'storage-unavailable',
    });

    await mkdir(join(folder.path, 'objects'));
    await expect(store.read('uploads/a')).rejects.toMatchObject({ code: 'storage-unavailable' });
    await expect(store.delete('uploads/a')).rejects.toMatchObject({ code: 'storage-unavailable' });
    await expect(store.checkWritable()).rejects.toMatchObject({ code: 'storage-unavailable' });

    await rename(join(folder.path, 'away'), join(folder.path, 'objects'));
    expect((await store.read('uploads/a'))?.bytes.toString()).toBe('still there');
    expect(store.snapshot().corruptDropped).toBe(0);
  });

  it('counts its index and its records in byte accounts, within their budgets', async () => {
    const before = accounts.snapshot().accounts['store-index']?.usedBytes ?? 0;
    for (let index = 0; index < 6000; index += 100) {
      const batch = Array.from({ length: 100 }, (_, offset) => `variants/${index + offset}` as const);
      await Promise.all(batch.map((key) => store.put(key, Buffer.alloc(1), JPEG)));
    }

    const { accounts: figures } = accounts.snapshot();
    expect(figures['store-index']?.usedBytes).toBeGreaterThan(before);
    expect(figures['store-index']?.usedBytes).toBeLessThan(6000 * 66);
    expect(figures['store-records']?.usedBytes).toBeGreaterThan(6000 * 500);
    for (const figure of Object.values(figures))
      expect(figure.usedBytes).toBeLessThanOrEqual(figure.budgetBytes);
  }, 60_000);

  it('is what the module offers as the store', async () => {
    await store.onApplicationShutdown();
    const settings = loadSettings(
      { NODE_ENV: 'test', DATA_DIR: folder.path },
      { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 512 * 1024 ** 2 },
    );
    const app = await Test.createTestingModule({
      imports: [
        ConfigModule.forRoot(settings),
        ClockModule,
        EventsModule,
        ProcessMemoryModule,
        ObjectStorageModule,
      ],
    })
      .overrideProvider(CLOCK)
      .useValue(new FakeClock())
      .compile();
    app.enableShutdownHooks();
    await app.init();
    const offered = app.get<ObjectStore>(OBJECT_STORE);

    await offered.put('uploads/a', Buffer.from('through the module'), JPEG);

    expect((await offered.read('uploads/a'))?.bytes.toString()).toBe('through the module');
    await app.close();
    store = await open();
  });
});
