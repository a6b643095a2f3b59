import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ObjectInfo, ObjectKey, ObjectStore, Spool } from './object-store.js';

/** One engine, empty, and how to end it. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const JPEG = { contentType: 'image/jpeg' } as const;

async function all(items: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What every engine of {@link ObjectStore} must do. Engines add specs of what is their own. */
export function describeObjectStore(name: string, factory: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an object store`, () => {
    let under: StoreUnderTest;
    let store: ObjectStore;

    beforeEach(async () => {
      under = await factory();
      store = under.store;
    });

    afterEach(async () => {
      const { openSpools, openStreams, pinned } = store.snapshot();
      await under.close();
      expect({ openSpools, openStreams, pinned }).toEqual({ openSpools: 0, openStreams: 0, pinned: 0 });
    });

    async function spoolOf(...chunks: Uint8Array[]): Promise<Spool> {
      const spool = await store.createSpool();
      await pipeline(Readable.from(chunks), spool.writable);
      return spool;
    }

    async function streamed(key: ObjectKey, range?: { start: number; end: number }): Promise<Buffer | null> {
      const opened = await store.openRead(key, range);
      return opened === null ? null : buffer(opened.stream);
    }

    describe('when the object does not exist', () => {
      it('answers null, or false for a deletion', async () => {
        expect(await store.head('originals/none')).toBeNull();
        expect(await store.read('variants/none')).toBeNull();
        expect(await store.openRead('uploads/none')).toBeNull();
        expect(await store.openLocal('originals/none')).toBeNull();
        expect(await store.setAttributes('uploads/none', {})).toBeNull();
        expect(await store.delete('uploads/none')).toBe(false);
      });

      it('lists nothing', async () => {
        expect(await all(store.list('uploads/'))).toEqual([]);
      });
    });

    describe('put', () => {
      it.each([0, 1, 30_000, 1_048_576, 3_000_001])('keeps %i bytes and says what they are', async (size) => {
        const bytes = randomBytes(size);

        const written = await store.put('originals/a', bytes, {
          ...JPEG,
          attributes: { width: 3, etag: '"x"', ok: true },
        });

        expect(written).toMatchObject({
          key: 'originals/a',
          bytes: size,
          sha256: sha256(bytes),
          contentType: 'image/jpeg',
          attributes: { width: 3, etag: '"x"', ok: true },
          stored: true,
        });
        const { stored: _, ...info } = written;
        expect(await store.head('originals/a')).toEqual(info);
        const read = await store.read('originals/a');
        expect(read?.info).toEqual(info);
        expect(read?.bytes.equals(bytes)).toBe(true);
        expect((await streamed('originals/a'))?.equals(bytes)).toBe(true);
      });

      it('replaces what was there', async () => {
        await store.put('uploads/a', randomBytes(500), {
          contentType: 'image/png',
          attributes: { old: true },
        });
        const bytes = randomBytes(300);

        await store.put('uploads/a', bytes, { ...JPEG, durable: true });

        const read = await store.read('uploads/a');
        expect(read?.bytes.equals(bytes)).toBe(true);
        expect(read?.info).toMatchObject({ bytes: 300, contentType: 'image/jpeg', attributes: {} });
        expect(store.snapshot().objects.uploads).toEqual({ count: 1, bytes: 300 });
      });

      it('keeps kinds and keys apart, whatever characters they hold', async () => {
        const keys: ObjectKey[] = [
          'uploads/x',
          'originals/x',
          'variants/x',
          'uploads/X',
          'uploads/../../etc/passwd',
          'uploads/ä/ö ü%2F?#',
          `uploads/${'k'.repeat(1000)}`,
        ];
        for (const key of keys) await store.put(key, Buffer.from(key), JPEG);

        for (const key of keys) expect((await store.read(key))?.bytes.toString()).toBe(key);
      });

      it('refuses keys, types and attributes past their bounds as faults of the program', async () => {
        const put = (key: string, contentType: string, note: string): Promise<unknown> =>
          store.put(key as ObjectKey, Buffer.alloc(1), { contentType, attributes: { note } });

        await expect(put('elsewhere/a', 'image/png', '')).rejects.toThrow(RangeError);
        await expect(put('uploads/', 'image/png', '')).rejects.toThrow(RangeError);
        await expect(put(`uploads/${'k'.repeat(1025)}`, 'image/png', '')).rejects.toThrow(RangeError);
        await expect(put('uploads/a', 'image/png\r\nX: y', '')).rejects.toThrow(RangeError);
        await expect(put('uploads/a', 'image/png', 'n'.repeat(8 * 1024))).rejects.toThrow(RangeError);
        expect(await store.head('uploads/a')).toBeNull();
      });
    });

    describe('a spool', () => {
      it('counts and hashes what passes, and becomes the object', async () => {
        const chunks = Array.from({ length: 40 }, (_, index) => randomBytes(index * 997));
        const bytes = Buffer.concat(chunks);

        const spool = await spoolOf(...chunks);
        expect(spool).toMatchObject({ bytes: bytes.byteLength, sha256: sha256(bytes) });
        expect((await readFile(spool.path)).equals(bytes)).toBe(true);
        const info = await store.commit(spool, 'uploads/s', { ...JPEG, durable: true });

        expect(info).toMatchObject({ bytes: bytes.byteLength, sha256: sha256(bytes), stored: true });
        expect((await store.read('uploads/s'))?.bytes.equals(bytes)).toBe(true);
      });

      it('may be empty', async () => {
        await store.commit(await spoolOf(), 'variants/empty', JPEG);

        expect((await store.read('variants/empty'))?.bytes.byteLength).toBe(0);
        expect(await streamed('variants/empty')).toEqual(Buffer.alloc(0));
      });

      it('leaves no file when discarded, however often', async () => {
        const spool = await spoolOf(randomBytes(1000));

        await Promise.all([spool.discard(), spool.discard()]);
        await spool.discard();

        await expect(stat(spool.path)).rejects.toMatchObject({ code: 'ENOENT' });
      });

      it('is discarded while it is written, and fails its writer', async () => {
        const spool = await store.createSpool();
        const endless = Readable.from(
          (function* (): Generator<Buffer> {
            for (;;) yield Buffer.alloc(65_536);
          })(),
        );
        const writing = pipeline(endless, spool.writable);
        await Promise.all([expect(writing).rejects.toThrow(), spool.discard()]);

        await expect(stat(spool.path)).rejects.toMatchObject({ code: 'ENOENT' });
      });

      it('survives a discard after its commit', async () => {
        const spool = await spoolOf(Buffer.from('kept'));
        await store.commit(spool, 'originals/kept', JPEG);

        await spool.discard();

        expect((await store.read('originals/kept'))?.bytes.toString()).toBe('kept');
      });

      it('has no checksum and cannot be committed before it has finished', async () => {
        const spool = await store.createSpool();
        spool.writable.write('half');

        expect(() => spool.sha256).toThrow(TypeError);
        await expect(store.commit(spool, 'uploads/half', JPEG)).rejects.toThrow(TypeError);

        await spool.discard();
        expect(await store.head('uploads/half')).toBeNull();
      });

      it('is committed once', async () => {
        const spool = await spoolOf(Buffer.from('once'));
        await store.commit(spool, 'uploads/1', JPEG);

        await expect(store.commit(spool, 'uploads/2', JPEG)).rejects.toThrow(TypeError);

        expect(await store.head('uploads/2')).toBeNull();
      });
    });

    describe('reading', () => {
      const bytes = randomBytes(200_000);

      beforeEach(async () => {
        await store.put('originals/r', bytes, JPEG);
      });

      it('gives a private buffer of exactly its size', async () => {
        const read = await store.read('originals/r');

        expect(read?.bytes.byteLength).toBe(200_000);
        expect(read?.bytes.buffer.byteLength).toBe(200_000);
      });

      it.each([
        [0, 0],
        [0, 199_999],
        [1, 100_000],
        [65_535, 65_536],
        [199_999, 199_999],
      ])('streams the bytes %i to %i', async (start, end) => {
        const part = await streamed('originals/r', { start, end });
        expect(part?.equals(bytes.subarray(start, end + 1))).toBe(true);
      });

      it('cuts a range at the last byte', async () => {
        const part = await streamed('originals/r', { start: 199_990, end: 900_000 });
        expect(part?.equals(bytes.subarray(199_990))).toBe(true);
      });

      it.each([
        [200_000, 200_001],
        [-1, 5],
        [5, 4],
        [Number.NaN, 4],
        [0, Number.NaN],
      ])('refuses the range %d to %d', async (start, end) => {
        await expect(store.openRead('originals/r', { start, end })).rejects.toThrow(RangeError);
      });

      it('closes what a reader leaves early', async () => {
        const opened = await store.openRead('originals/r');
        const stream = opened?.stream as Readable;
        await once(stream, 'readable');
        stream.read(10);
        const closed = once(stream, 'close');
        stream.destroy();
        await closed;

        expect(store.snapshot().openStreams).toBe(0);
      });

      it('goes on with the old bytes when the object is replaced or deleted meanwhile', async () => {
        const first = await store.openRead('originals/r');
        await store.put('originals/r', Buffer.from('new'), JPEG);
        const second = await store.openRead('originals/r');
        await store.delete('originals/r');

        expect((await buffer(first?.stream as Readable)).equals(bytes)).toBe(true);
        expect((await buffer(second?.stream as Readable)).toString()).toBe('new');
        expect(await store.read('originals/r')).toBeNull();
      });
    });

    describe('a local object', () => {
      it('is a file with the bytes, which stays while it is held', async () => {
        const bytes = randomBytes(5000);
        await store.put('originals/l', bytes, JPEG);
        const local = await store.openLocal('originals/l');
        const path = local?.path ?? '';

        await store.put('originals/l', Buffer.from('newer'), JPEG);
        await store.delete('originals/l');

        expect((await readFile(path)).equals(bytes)).toBe(true);
        expect(local?.info).toMatchObject({ bytes: 5000, sha256: sha256(bytes) });
        local?.release();
        local?.release();
        expect(store.snapshot().pinned).toBe(0);
      });

      it('may be held by several', async () => {
        await store.put('variants/l', Buffer.from('shared'), JPEG);
        const [one, two] = [await store.openLocal('variants/l'), await store.openLocal('variants/l')];
        await store.delete('variants/l');

        one?.release();

        expect((await readFile(two?.path ?? '')).toString()).toBe('shared');
        two?.release();
      });
    });

    describe('setAttributes', () => {
      it('replaces the attributes and keeps bytes, type and date', async () => {
        const bytes = randomBytes(100);
        const { stored: _, ...before } = await store.put('uploads/m', bytes, {
          ...JPEG,
          attributes: { a: 1, b: 2 },
        });

        const after = await store.setAttributes('uploads/m', { a: 3 });

        expect(after).toEqual({ ...before, attributes: { a: 3 } });
        const read = await store.read('uploads/m');
        expect(read?.info).toEqual(after);
        expect(read?.bytes.equals(bytes)).toBe(true);
      });
    });

    describe('delete', () => {
      it('says whether there was something', async () => {
        await store.put('variants/d', randomBytes(10), JPEG);

        expect(await store.delete('variants/d')).toBe(true);
        expect(await store.delete('variants/d')).toBe(false);
        expect(await store.head('variants/d')).toBeNull();
        expect(store.snapshot().objects.variants).toEqual({ count: 0, bytes: 0 });
      });
    });

    describe('list', () => {
      it('gives every object of its kind, once', async () => {
        const keys = Array.from({ length: 60 }, (_, index) => `uploads/${index}` as const);
        await Promise.all(keys.map((key) => store.put(key, Buffer.from(key), JPEG)));
        await store.put('variants/other', randomBytes(9), JPEG);

        const listed = await all(store.list('uploads/'));

        expect(listed.map((info) => info.key).sort()).toEqual([...keys].sort());
        expect(listed.find((info) => info.key === 'uploads/7')).toEqual(await store.head('uploads/7'));
      });

      it('can be left early', async () => {
        await store.put('uploads/1', randomBytes(9), JPEG);
        await store.put('uploads/2', randomBytes(9), JPEG);

        for await (const info of store.list('uploads/')) {
          expect(info.bytes).toBe(9);
          break;
        }
      });
    });

    describe('when many work on one key', () => {
      it('keeps one writer whole, and readers see some version whole', async () => {
        const versions = Array.from({ length: 24 }, (_, index) => Buffer.alloc(20_000 + index, index));
        const known = new Set(versions.map(sha256));
        await store.put('originals/k', versions[0] as Buffer, JPEG);
        const seen: string[] = [];
        const readers = Array.from({ length: 24 }, async (_, index) => {
          const found =
            index % 2 === 0 ? (await store.read('originals/k'))?.bytes : await streamed('originals/k');
          seen.push(found ? sha256(found) : 'none');
        });

        await Promise.all([...versions.map((bytes) => store.put('originals/k', bytes, JPEG)), ...readers]);

        expect(seen.filter((hash) => !known.has(hash))).toEqual([]);
        const last = await store.read('originals/k');
        expect(known.has(sha256(last?.bytes ?? Buffer.alloc(0)))).toBe(true);
        expect(last?.info.sha256).toBe(sha256(last?.bytes ?? Buffer.alloc(0)));
        expect(store.snapshot().objects.originals).toEqual({ count: 1, bytes: last?.info.bytes });
        expect(store.snapshot().corruptDropped).toBe(0);
      });

      it('lets deletions and reads cross writes', async () => {
        const work: Promise<unknown>[] = [];
        for (let index = 0; index < 20; index++) {
          work.push(store.put('variants/k', Buffer.alloc(1000, index), JPEG));
          work.push(store.delete('variants/k'));
          work.push(store.read('variants/k'));
          work.push(store.head('variants/k'));
          work.push(store.setAttributes('variants/k', { index }));
        }
        await Promise.all(work);
        const found = await store.read('variants/k');

        const { count, bytes } = store.snapshot().objects.variants;
        expect({ count, bytes }).toEqual({ count: found === null ? 0 : 1, bytes: found?.info.bytes ?? 0 });
        expect(store.snapshot().corruptDropped).toBe(0);
      });
    });

    it('says that it can be written', async () => {
      await expect(store.checkWritable()).resolves.toBeUndefined();
    });
  });
}
