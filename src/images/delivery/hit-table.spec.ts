import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import type { ImageEntry } from '../../image-memory/index.js';
import { FOREVER } from '../sources/source-record.js';
import { HitTable, type HitOffer, type PreparedHit } from './hit-table.js';

const MIB = 1024 ** 2;
const MINUTE_MS = 60_000;
const URL = '/api/images?url=http%3A%2F%2Fa.example%2F&w=1';

describe('HitTable', () => {
  let rooms: MemoryRooms;
  let table: HitTable;

  beforeEach(async () => {
    rooms = await startMemoryRooms();
    table = new HitTable(rooms.memory, rooms.clock, rooms.accounts);
  });

  afterEach(async () => {
    const { usedBytes, budgetBytes } = table.snapshot();
    expect(usedBytes).toBeLessThanOrEqual(budgetBytes);
    expect(rooms.accounts.snapshot().accounts['hit-table']?.usedBytes).toBe(usedBytes);
    table.onModuleDestroy();
    await rooms.close();
    expect(rooms.accounts.snapshot().accounts).toEqual({});
  });

  const keep = (key: string, changes: Partial<ImageEntry> = {}): void => {
    rooms.memory.set(key, {
      bytes: Buffer.from(`bytes of ${key}`),
      contentType: 'image/webp',
      etag: `"${key}"`,
      sourceKey: 'originals/s',
      freshUntil: rooms.clock.now() + 10 * MINUTE_MS,
      staleUntil: rooms.clock.now() + 60 * MINUTE_MS,
      attributes: {},
      ...changes,
    });
  };

  const offer = (variantKey: string, changes: Partial<HitOffer> = {}): void =>
    table.offer({
      rawUrl: URL,
      accept: undefined,
      negotiated: false,
      variantKey,
      notAfter: FOREVER,
      ...changes,
    });

  const header = (hit: PreparedHit | null, name: string): string | undefined => {
    const at = hit?.headers.indexOf(name) ?? -1;
    return at === -1 ? undefined : hit?.headers[at + 1];
  };

  describe('of an entry that is in memory and fresh', () => {
    beforeEach(() => {
      keep('v');
      offer('v');
    });

    it('gives the whole answer', () => {
      const hit = table.lookup(URL, undefined);

      expect(hit?.body.toString()).toBe('bytes of v');
      expect(hit?.etag).toBe('"v"');
      expect(header(hit, 'Content-Type')).toBe('image/webp');
      expect(header(hit, 'Content-Length')).toBe('10');
      expect(header(hit, 'Cache-Status')).toBe('plimsoll; hit; detail=memory');
      expect(header(hit, 'Cache-Control')).toMatch(/^public, max-age=600, stale-while-revalidate=3000/);
      expect(header(hit, 'Vary')).toBeUndefined();
      expect(hit?.notModifiedHeaders).not.toContain('Content-Length');
      expect(table.snapshot()).toMatchObject({ urls: 1, hits: 1 });
    });

    it('knows no other spelling of the URL', () => {
      expect(table.lookup(`${URL}&`, undefined)).toBeNull();
      expect(table.lookup(URL.replace('%3A', ':'), undefined)).toBeNull();
    });

    it('says what is left of the freshness, second by second', () => {
      rooms.clock.advance(MINUTE_MS + 500);

      expect(header(table.lookup(URL, undefined), 'Cache-Control')).toMatch(/^public, max-age=539,/);
    });

    it('counts as a use of the entry', () => {
      const before = rooms.memory.metrics().hits;

      table.lookup(URL, undefined);

      expect(rooms.memory.metrics().hits).toBe(before + 1);
    });

    it('follows a freshness that was renewed', () => {
      table.lookup(URL, undefined);
      rooms.memory.update('v', { freshUntil: rooms.clock.now() + 20 * MINUTE_MS });
      rooms.clock.advance(15 * MINUTE_MS);

      expect(header(table.lookup(URL, undefined), 'Cache-Control')).toMatch(/^public, max-age=300,/);
    });
  });

  describe('answers nothing and forgets the URL', () => {
    beforeEach(() => {
      keep('v');
    });

    const expectGone = (): void => {
      expect(table.lookup(URL, undefined)).toBeNull();
      expect(table.snapshot()).toMatchObject({ urls: 0, usedBytes: 0 });
    };

    it.each<[string, () => unknown]>([
      ['was deleted', () => rooms.memory.delete('v')],
      ['was flushed', () => rooms.memory.clear()],
      ['was outdated with its source', () => rooms.memory.deleteBySource('originals/s')],
      ['was replaced by other bytes', () => keep('v', { etag: '"other"' })],
      ['is no longer fresh', () => rooms.clock.advance(10 * MINUTE_MS)],
      ['is no longer usable at all', () => rooms.clock.advance(60 * MINUTE_MS)],
    ])('when the entry %s', (_what, happen) => {
      offer('v');
      expect(table.lookup(URL, undefined)).not.toBeNull();

      happen();

      expectGone();
    });

    it('at the very millisecond at which a signature expires, and lets nobody keep the answer longer', () => {
      offer('v', { notAfter: rooms.clock.now() + MINUTE_MS });
      rooms.clock.advance(MINUTE_MS - 1_500);
      expect(header(table.lookup(URL, undefined), 'Cache-Control')).toBe('public, max-age=1');

      rooms.clock.advance(1_500);

      expectGone();
    });
  });

  describe('takes no offer', () => {
    it('of what is not in memory', () => {
      offer('unknown');

      expect(table.snapshot().urls).toBe(0);
    });

    it('of what is not fresh', () => {
      keep('v', { freshUntil: rooms.clock.now() });
      offer('v');

      expect(table.snapshot().urls).toBe(0);
    });
  });

  describe('when the format is negotiated', () => {
    it('keeps the answers to different Accept headers apart, and joins what means the same', () => {
      keep('webp');
      keep('jpeg', { contentType: 'image/jpeg' });
      offer('webp', { negotiated: true, accept: 'image/webp,*/*' });
      offer('jpeg', { negotiated: true, accept: '*/*' });

      const bodyFor = (accept: string | undefined): string | undefined =>
        table.lookup(URL, accept)?.body.toString();

      expect(bodyFor('text/html,image/webp,image/*;q=0.8')).toBe('bytes of webp');
      expect(bodyFor('image/png')).toBe('bytes of jpeg');
      expect(bodyFor(undefined)).toBe('bytes of jpeg');
      expect(bodyFor('image/avif,image/webp')).toBeUndefined();
      expect(header(table.lookup(URL, 'image/webp'), 'Vary')).toBe('Accept');
      expect(table.snapshot().urls).toBe(1);
    });

    it('does not look at Accept where it is not', () => {
      keep('v');
      offer('v', { accept: 'image/webp' });

      expect(table.lookup(URL, 'image/png')).not.toBeNull();
    });
  });

  it('holds no picture: what the buffer cache has let go can be collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const watched = ((): WeakRef<Buffer> => {
      const bytes = Buffer.allocUnsafeSlow(MIB);
      keep('big', { bytes });
      offer('big');
      return new WeakRef(rooms.memory.peek('big')?.bytes ?? Buffer.alloc(0));
    })();
    table.lookup(URL, undefined);
    expect(watched.deref()?.length).toBe(MIB);

    rooms.memory.clear();
    await new Promise((resolve) => void setImmediate(resolve));
    collect();

    expect(table.snapshot().urls).toBe(1);
    expect(watched.deref()).toBeUndefined();
  });

  it('stays within its budget however many URLs lead to one picture, and keeps the latest', () => {
    keep('v');
    const urls = Array.from(
      { length: 10_000 },
      (_, index) => `${URL}&v=${String(index).padStart(1_000, '0')}`,
    );

    for (const rawUrl of urls) offer('v', { rawUrl });

    const { usedBytes, budgetBytes } = table.snapshot();
    expect(usedBytes).toBeLessThanOrEqual(budgetBytes);
    expect(usedBytes).toBeGreaterThan(0.9 * budgetBytes);
    expect(table.lookup(urls.at(-1) ?? '', undefined)).not.toBeNull();
    expect(table.lookup(urls[0] ?? '', undefined)).toBeNull();
  });

  it('weighs an entry the same however often it is offered', () => {
    keep('v');
    offer('v');
    const once = table.snapshot().usedBytes;

    for (let again = 0; again < 10; again += 1) offer('v');

    expect(table.snapshot().usedBytes).toBe(once);
  });

  it('is empty after clear', () => {
    keep('v');
    offer('v');

    table.clear();

    expect(table.lookup(URL, undefined)).toBeNull();
    expect(table.snapshot()).toMatchObject({ urls: 0, usedBytes: 0 });
  });
});
