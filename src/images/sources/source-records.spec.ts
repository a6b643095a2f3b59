import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import type { ObjectInfo, ObjectKey } from '../../object-storage/index.js';
import { toAttributes, type SourceRecord } from './source-record.js';
import { SourceRecords } from './source-records.js';

const KEY: ObjectKey = 'originals/one';
const HEADER = {
  format: 'jpeg',
  width: 40,
  height: 30,
  pages: 1,
  channels: 3,
  bitsPerSample: 8,
  hasAlpha: false,
  progressive: false,
  orientation: 1,
  bytes: 3,
} as const;

describe('SourceRecords', () => {
  let rooms: MemoryRooms;
  let records: SourceRecords;

  beforeEach(async () => {
    rooms = await startMemoryRooms();
    records = new SourceRecords(rooms.store, rooms.serverCache, rooms.memory);
  });

  afterEach(async () => {
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  const freshness = (ms = 60_000) => ({
    freshUntil: rooms.clock.now() + ms,
    staleUntil: rooms.clock.now() + 2 * ms,
  });

  const store = async (bytes: string, attributes?: ObjectInfo['attributes']): Promise<ObjectInfo> =>
    rooms.store.put(KEY, Buffer.from(bytes), {
      contentType: 'image/jpeg',
      attributes: attributes ?? toAttributes({ header: HEADER, ...freshness(), etag: '"e"' }),
    });

  const known = async (bytes = 'abc'): Promise<SourceRecord> =>
    records.adopt(await store(bytes), { header: HEADER, ...freshness(), etag: '"e"' });

  const keepVariant = (key: string, record: Pick<SourceRecord, 'key' | 'sha256'>): void => {
    rooms.memory.set(key, {
      bytes: Buffer.alloc(100),
      contentType: 'image/webp',
      etag: `"${key}"`,
      sourceKey: record.key,
      ...freshness(),
      attributes: { sourceSha256: record.sha256 },
    });
  };

  describe('finding', () => {
    it('asks the store once and the metadata cache afterwards', async () => {
      await store('abc');

      const found = await records.find(KEY);
      await rooms.store.delete(KEY);
      const again = await records.find(KEY);

      expect(found).toMatchObject({ key: KEY, bytes: 3, etag: '"e"', header: { format: 'jpeg', width: 40 } });
      expect(again).toEqual(found);
      expect(Object.isFrozen(found)).toBe(true);
    });

    it('knows nothing of what is not stored', async () => {
      expect(await records.find(KEY)).toBeUndefined();
      expect(records.peek(KEY)).toBeUndefined();
    });

    it.each<[string, ObjectInfo['attributes']]>([
      ['none', {}],
      ['no header', { freshUntil: 1, staleUntil: 2 }],
      ['a header that is no JSON', { header: '{', freshUntil: 1, staleUntil: 2 }],
      ['a header without a size', { header: '{"format":"jpeg"}', freshUntil: 1, staleUntil: 2 }],
      ['freshness as text', { header: JSON.stringify(HEADER), freshUntil: '1', staleUntil: 2 }],
    ])('takes attributes that are not ours for not stored: %s', async (_what, attributes) => {
      await store('abc', attributes);

      expect(await records.find(KEY)).toBeUndefined();
    });

    it('comes back with what was adopted', async () => {
      const record = await known();
      rooms.serverCache.clear();

      expect(await records.find(KEY)).toEqual(record);
    });
  });

  describe('when the bytes are other ones', () => {
    it('drops the variants of the old ones', async () => {
      keepVariant('old', await known('abc'));

      await known('abd');

      expect(rooms.memory.peek('old')).toBeUndefined();
    });

    it('drops them even when the old record was forgotten meanwhile', async () => {
      keepVariant('old', await known('abc'));
      rooms.serverCache.clear();

      await known('abd');

      expect(rooms.memory.peek('old')).toBeUndefined();
    });

    it('no longer calls the old record current', async () => {
      const old = await known('abc');
      expect(await records.isCurrent(old)).toBe(true);

      const renewed = await known('abd');

      expect([await records.isCurrent(old), await records.isCurrent(renewed)]).toEqual([false, true]);
    });

    it('keeps the variants when the same bytes come again', async () => {
      keepVariant('same', await known('abc'));

      await known('abc');

      expect(rooms.memory.peek('same')).toBeDefined();
    });
  });

  describe('when the origin confirms them', () => {
    it('renews the record, its variants in memory and what is stored', async () => {
      const record = await known();
      keepVariant('variant', record);
      const longer = freshness(600_000);

      const renewed = await records.refresh(record, longer);

      expect(renewed).toEqual({ ...record, ...longer });
      expect(records.peek(KEY)).toEqual(renewed);
      expect(rooms.memory.peek('variant')).toMatchObject(longer);
      expect((await rooms.store.head(KEY))?.attributes).toMatchObject(longer);
    });

    it('renews no variant of other bytes, but drops it', async () => {
      const record = await known();
      keepVariant('other', { key: KEY, sha256: 'of other bytes' });

      await records.refresh(record, freshness(600_000));

      expect(rooms.memory.peek('other')).toBeUndefined();
    });

    it('goes on when the store cannot write it down', async () => {
      const record = await known();
      const failing = new SourceRecords(
        Object.create(rooms.store, {
          setAttributes: { value: () => Promise.reject(new Error('no space left')) },
        }) as typeof rooms.store,
        rooms.serverCache,
        rooms.memory,
      );

      const renewed = await failing.refresh(record, freshness(600_000));

      expect(records.peek(KEY)).toEqual(renewed);
    });
  });

  describe('forgetting and removing', () => {
    it('forgets what the caches hold and leaves the store alone', async () => {
      const record = await known();
      keepVariant('variant', record);

      records.forget(KEY);

      expect(records.peek(KEY)).toBeUndefined();
      expect(rooms.memory.peek('variant')).toBeUndefined();
      expect(await rooms.store.head(KEY)).not.toBeNull();
    });

    it('removes the source and says whether there was one', async () => {
      const record = await known();
      keepVariant('variant', record);

      expect(await records.remove(KEY)).toBe(true);
      expect(await records.remove(KEY)).toBe(false);
      expect(await records.find(KEY)).toBeUndefined();
      expect(await records.isCurrent(record)).toBe(false);
      expect(rooms.memory.peek('variant')).toBeUndefined();
    });

    it('leaves nothing in memory of what is read from the store while it is being removed', async () => {
      const record = await known();

      const removing = records.remove(KEY);
      records.remember(record);
      keepVariant('late', record);
      await removing;

      expect(await records.find(KEY)).toBeUndefined();
      expect(rooms.memory.peek('late')).toBeUndefined();
    });
  });

  it('is the one place that invalidates what is derived from a source', async () => {
    const files = (await readdir('src/images', { recursive: true })).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'),
    );
    const texts = await Promise.all(
      files.map(async (file) => [file, await readFile(`src/images/${file}`, 'utf8')] as const),
    );
    const holding = (text: string): string[] =>
      texts.filter(([, source]) => source.includes(text)).map(([file]) => file);

    expect(holding('.deleteBySource(')).toEqual(['sources/source-records.ts']);
    // The other one removes variants, which are nobody's source.
    expect(holding('store.delete(').sort()).toEqual([
      'sources/source-records.ts',
      'variants/variant-purger.ts',
    ]);
  });
});
