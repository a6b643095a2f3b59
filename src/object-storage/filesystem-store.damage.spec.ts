import { randomBytes } from 'node:crypto';
import { open as openFile, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FilesystemStore } from './filesystem-store.js';
import type { ObjectKey } from './object-store.js';
import { encodeRecord, freezeRecord } from './object-record.js';
import { filesBelow, openStore, temporaryFolder } from './store.fixture.js';

const KEYS = ['uploads/x', 'originals/x', 'variants/x'] as const satisfies ObjectKey[];
const SIZE = 300_000;

describe('FilesystemStore with damaged files', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: FilesystemStore;
  let bytes: Buffer;

  beforeEach(async () => {
    folder = await temporaryFolder();
    store = await openStore({ dataDir: folder.path });
    bytes = randomBytes(SIZE);
    for (const key of KEYS) await store.put(key, bytes, { contentType: 'image/jpeg', attributes: { n: 1 } });
  });

  afterEach(async () => {
    const { openStreams, pinned } = store.snapshot();
    await store.onApplicationShutdown();
    await folder.remove();
    expect({ openStreams, pinned }).toEqual({ openStreams: 0, pinned: 0 });
  });

  /** As after a restart: nothing is verified, nothing in memory. */
  async function restart(): Promise<void> {
    await store.onApplicationShutdown();
    store = await openStore({ dataDir: folder.path });
  }

  async function fileOf(key: ObjectKey, part: 'data' | 'record'): Promise<string> {
    const files = (await filesBelow(folder.path)).filter((file) =>
      file.startsWith(`objects/${key.split('/')[0]}/`),
    );
    return join(folder.path, files.find((file) => file.endsWith('.json') === (part === 'record')) ?? '');
  }

  async function flipBit(path: string, at: number): Promise<void> {
    const file = await openFile(path, 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
    buffer[0] = (buffer[0] ?? 0) ^ 0x10;
    await file.write(buffer, 0, 1, at);
    await file.close();
  }

  const readers = {
    read: (key: ObjectKey) => store.read(key),
    openRead: (key: ObjectKey) => store.openRead(key),
    'openRead of a range': (key: ObjectKey) => store.openRead(key, { start: 5, end: 10 }),
    openLocal: (key: ObjectKey) => store.openLocal(key),
  };

  async function expectDropped(key: ObjectKey, reader: keyof typeof readers): Promise<void> {
    expect(await readers[reader](key)).toBeNull();
    expect(await store.head(key)).toBeNull();
    expect(store.snapshot()).toMatchObject({ corruptDropped: 1 });
    const left = (await filesBelow(folder.path)).filter((file) =>
      file.startsWith(`objects/${key.split('/')[0]}/`),
    );
    expect(left).toEqual([]);
    const again = await store.put(key, bytes, { contentType: 'image/jpeg' });
    expect(again.stored).toBe(true);
    expect((await store.read(key))?.bytes.equals(bytes)).toBe(true);
  }

  describe.each(Object.keys(readers) as (keyof typeof readers)[])('through %s', (reader) => {
    it.each([0, 1, 4096, SIZE / 2, SIZE - 1])('never serves data cut at %i bytes', async (length) => {
      await truncate(await fileOf('originals/x', 'data'), length);

      await expectDropped('originals/x', reader);
    });

    it('never serves data that grew', async () => {
      await truncate(await fileOf('variants/x', 'data'), SIZE + 1);

      await expectDropped('variants/x', reader);
    });

    it.each([0, 65_536, SIZE - 1])('never serves data with a flipped bit at %i', async (at) => {
      await flipBit(await fileOf('uploads/x', 'data'), at);
      await restart();

      await expectDropped('uploads/x', reader);
    });

    it('never serves data that is gone', async () => {
      await unlink(await fileOf('originals/x', 'data'));

      await expectDropped('originals/x', reader);
    });

    it.each(['', '{', 'null', '{"crc":"00000000","record":{}}', '\0'.repeat(500), 'x'.repeat(40_000)])(
      'drops an object whose record is %j',
      async (text) => {
        await writeFile(await fileOf('variants/x', 'record'), text);
        await restart();

        await expectDropped('variants/x', reader);
      },
    );
  });

  it('notices a flipped bit in a read at any time, in memory of the checksum or not', async () => {
    expect(await store.read('variants/x')).not.toBeNull();
    await flipBit(await fileOf('variants/x', 'data'), 77);

    await expectDropped('variants/x', 'read');
  });

  it('drops an object whose record has any one bit flipped', async () => {
    const record = await fileOf('originals/x', 'record');
    const length = (await readFile(record)).byteLength;
    for (let at = 0; at < length; at += 23) {
      await flipBit(record, at);
      await restart();
      expect(await store.head('originals/x')).toBeNull();
      await store.put('originals/x', bytes, { contentType: 'image/jpeg', attributes: { n: 1 } });
    }
  });

  it('drops a record cut anywhere', async () => {
    const record = await fileOf('variants/x', 'record');
    const whole = await readFile(record);
    for (let length = 0; length < whole.byteLength; length += 31) {
      await writeFile(record, whole.subarray(0, length));
      await restart();
      expect(await store.head('variants/x')).toBeNull();
      await store.put('variants/x', bytes, { contentType: 'image/jpeg', attributes: { n: 1 } });
    }
  });

  it('does not give one object the record of another', async () => {
    await writeFile(
      await fileOf('originals/x', 'record'),
      await readFile(await fileOf('variants/x', 'record')),
    );
    await restart();

    await expectDropped('originals/x', 'read');
  });

  it('keeps the remains of an upload for the operator', async () => {
    const damaged = await fileOf('uploads/x', 'data');
    await flipBit(damaged, 9);
    const remains = await readFile(damaged);
    await restart();

    expect(await store.read('uploads/x')).toBeNull();

    const kept = (await filesBelow(folder.path)).filter((file) => file.startsWith('quarantine/'));
    expect(kept).toHaveLength(2);
    const data = kept.find((file) => !file.endsWith('.json')) ?? '';
    expect((await readFile(join(folder.path, data))).equals(remains)).toBe(true);
    expect(store.snapshot().objects.uploads).toEqual({ count: 0, bytes: 0 });
  });

  it('leaves damage on disk when it may not write, and still never serves it', async () => {
    await flipBit(await fileOf('originals/x', 'data'), 9);
    await store.onApplicationShutdown();
    store = await openStore({ dataDir: folder.path, readOnly: true });

    expect(await store.openRead('originals/x')).toBeNull();
    expect(await store.read('originals/x')).toBeNull();

    expect(await filesBelow(folder.path)).toHaveLength(6);
  });

  it('repairs a damaged record by a write, without leaving its data behind', async () => {
    await writeFile(await fileOf('uploads/x', 'record'), 'garbage');
    await restart();

    await store.put('uploads/x', Buffer.from('new'), { contentType: 'image/jpeg' });

    expect(
      (await filesBelow(folder.path)).filter((file) => file.startsWith('objects/uploads/')),
    ).toHaveLength(2);
    expect(store.snapshot().objects.uploads).toEqual({ count: 1, bytes: 3 });
  });

  it('answers null to new attributes for a damaged record', async () => {
    await writeFile(await fileOf('originals/x', 'record'), 'garbage');
    await restart();

    expect(await store.setAttributes('originals/x', { a: 1 })).toBeNull();
  });

  it('skips what is damaged in a list', async () => {
    await writeFile(await fileOf('variants/x', 'record'), 'garbage');
    await restart();
    await store.put('variants/y', bytes, { contentType: 'image/jpeg' });

    const keys: string[] = [];
    for await (const info of store.list('variants/')) keys.push(info.key);

    expect(keys).toEqual(['variants/y']);
  });

  describe('when a newer version of the server wrote the record', () => {
    async function writeNewer(key: ObjectKey): Promise<void> {
      const info = await store.head(key);
      const path = await fileOf(key, 'record');
      const generation = (await fileOf(key, 'data')).slice(-16);
      const body = encodeRecord(freezeRecord({ ...(info as NonNullable<typeof info>), generation })).toString(
        'utf8',
      );
      // The checksum is made over the changed text, as a later version would.
      const { crc32 } = await import('node:zlib');
      const record = body.slice(body.indexOf('"record":') + 9, -1).replace('"v":1', '"v":2');
      await writeFile(path, `{"crc":"${crc32(record).toString(16).padStart(8, '0')}","record":${record}}`);
      await restart();
    }

    it('keeps an upload and says that it cannot read it', async () => {
      await writeNewer('uploads/x');

      await expect(store.read('uploads/x')).rejects.toMatchObject({ code: 'storage-unavailable' });
      await expect(store.put('uploads/x', bytes, { contentType: 'a/b' })).rejects.toMatchObject({
        code: 'storage-unavailable',
      });
      expect(
        (await filesBelow(folder.path)).filter((file) => file.startsWith('objects/uploads/')),
      ).toHaveLength(2);
    });

    it('drops what can be made again', async () => {
      await writeNewer('variants/x');

      await expectDropped('variants/x', 'read');
    });
  });
});
