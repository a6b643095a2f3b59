import { hash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteAccounts } from '../process-memory/index.js';
import { EvictionOrder } from './eviction-order.js';
import { ENTRY_BYTES, ObjectIndex } from './object-index.js';

const idOf = (n: number): string => hash('sha256', String(n)).slice(0, 32);
const generationOf = (n: number): string => hash('sha256', `g${n}`).slice(0, 16);

describe('ObjectIndex', () => {
  let accounts: ByteAccounts;
  let index: ObjectIndex;

  beforeEach(() => {
    accounts = new ByteAccounts();
    index = new ObjectIndex(accounts.open('store-index', 16 * 1024 ** 2));
  });

  it('agrees with a map under any sequence of work', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            // Few keys that share a table and its runs, so that removals shift entries.
            n: fc.integer({ min: 0, max: 60 }),
            remove: fc.boolean(),
            bytes: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
            kind: fc.constantFrom('originals' as const, 'variants' as const),
          }),
          { maxLength: 300 },
        ),
        (steps) => {
          const fresh = new ObjectIndex(new ByteAccounts().open('i', 1024 ** 2));
          const model = new Map<string, { bytes: number; kind: string; generation: string }>();
          for (const [at, { n, remove, bytes, kind }] of steps.entries()) {
            const id = `00${idOf(n).slice(2, 24)}${(n % 7).toString(16).padStart(8, '0')}`;
            if (remove) {
              if (fresh.delete(id) !== model.delete(id)) throw new Error(`step ${at}: removal of ${id}`);
            } else {
              fresh.set({ kind, hash: id }, generationOf(at), bytes, at);
              model.set(id, { bytes, kind, generation: generationOf(at) });
            }
            expect(fresh.count).toBe(model.size);
          }
          for (const [id, entry] of model) expect(fresh.get(id)).toMatchObject({ hash: id, ...entry });
          let sum = 0;
          for (const entry of model.values()) sum += entry.bytes;
          expect(fresh.bytes).toBe(sum);
          expect(
            fresh
              .usedUntil(Infinity)
              .map((entry) => entry.hash)
              .sort(),
          ).toEqual([...model.keys()].sort());
        },
      ),
      { numRuns: 300 },
    );
  });

  it('holds an entry in at most the bytes that it plans with', () => {
    for (let n = 0; n < 50_000; n++) index.set({ kind: 'variants', hash: idOf(n) }, generationOf(n), n, n);

    const used = accounts.snapshot().accounts['store-index']?.usedBytes ?? 0;
    expect(used / 50_000).toBeLessThanOrEqual(ENTRY_BYTES);
    expect(used / 50_000).toBeGreaterThan(37);
  });

  it('gives every use a time of its own, in order, even when the clock jumps back', () => {
    index.set({ kind: 'variants', hash: idOf(1) }, generationOf(1), 1, index.nextUse(5000));
    const uses = [5000, 5000, 4000, 6000, 6000].map((now) => {
      index.touch(idOf(1), now);
      return index.get(idOf(1))?.lastUse ?? 0;
    });

    expect(uses).toEqual([...new Set(uses)].sort((a, b) => a - b));
  });

  describe('EvictionOrder', () => {
    it('gives ten thousand entries by exact last use, whatever is used or added meanwhile', () => {
      const count = 10_000;
      const wrong: unknown[] = [];
      const lastUse = new Map<string, number>();
      for (let n = 0; n < count; n++) {
        const at = (n * 7919) % count;
        index.set({ kind: n % 2 === 0 ? 'originals' : 'variants', hash: idOf(n) }, generationOf(n), 1, at);
        lastUse.set(idOf(n), at);
      }
      const order = new EvictionOrder(index);
      let before = -1;
      for (let n = 0; n < count; n++) {
        if (n % 10 === 0 && index.has(idOf(n))) {
          index.touch(idOf(n), count + n);
          lastUse.set(idOf(n), index.get(idOf(n))?.lastUse ?? 0);
        }
        const [victim] = order.next(1, 0, () => true);
        if (victim === undefined) break;
        if (victim.lastUse <= before || victim.lastUse !== lastUse.get(victim.hash)) wrong.push(victim);
        before = victim.lastUse;
        index.delete(victim.hash);
        lastUse.delete(victim.hash);
        const isOldest = n % 1000 !== 0 || victim.lastUse < Math.min(...lastUse.values());
        if (!isOldest) wrong.push(victim);
      }

      expect(wrong).toEqual([]);
      expect(index.count).toBe(0);
    });

    it('passes over what may not go, and ends when nothing may', () => {
      for (let n = 0; n < 10; n++) index.set({ kind: 'variants', hash: idOf(n) }, generationOf(n), 1, n);
      const order = new EvictionOrder(index);

      const [first] = order.next(1, 9, (entry) => entry.hash === idOf(9));

      expect(first?.hash).toBe(idOf(9));
      expect(order.next(1, 10, () => false)).toEqual([]);
      expect(order.next(20, 0, () => true)).toHaveLength(10);
    });
  });
});
