import { beforeEach, describe, expect, it } from '@jest/globals';
import type { LeaseClass } from './lease.js';
import { WaitQueue, type Waiter } from './wait-queue.js';

const MIB = 1024 ** 2;

interface Named extends Waiter {
  readonly name: string;
}

describe('WaitQueue', () => {
  let queue: WaitQueue<Named>;
  let count: number;

  const push = (name: LeaseClass, times = 1, bytes = 4 * MIB): void => {
    for (let index = 0; index < times; index += 1) {
      queue.push({ class: name, bytes, name: `${name.charAt(0)}${(count += 1)}` });
    }
  };
  /** Serves whoever is next, so many times; `b` and `i` in order. */
  const serve = (times: number, paused = false): string => {
    let order = '';
    for (let index = 0; index < times; index += 1) {
      const head = queue.head(paused);
      if (head === undefined) break;
      queue.serve(head);
      order += head.name.charAt(0);
    }
    return order;
  };

  beforeEach(() => {
    queue = new WaitQueue(100, 1_000 * MIB);
    count = 0;
  });

  it('serves four of interactive for one of background, by bytes', () => {
    push('interactive', 40);
    push('background', 10);

    expect(serve(50).split('b')[1]).toBe('iiii');
    expect(queue.size).toBe(0);
  });

  it('serves one large of background for as many bytes of small interactive ones', () => {
    push('background', 2, 32 * MIB);
    push('interactive', 64, 4 * MIB);

    const between = serve(66).split('b')[1]?.length ?? 0;

    expect((between * 4) / 32).toBe(4);
  });

  it('lets a class that comes late start level: it has saved no turns', () => {
    push('interactive', 40);
    serve(20);
    push('background', 10);

    expect(serve(10).split('b').length - 1).toBeLessThanOrEqual(3);
  });

  it('lets a pause save no turns either', () => {
    push('interactive', 40);
    push('background', 10);
    expect(serve(20, true)).toBe('i'.repeat(20));

    expect(serve(10).split('b').length - 1).toBeLessThanOrEqual(3);
  });

  it('passes background over while it is paused, also when nobody else waits', () => {
    push('background');

    expect(queue.head(true)).toBeUndefined();
    expect(queue.head(false)?.name).toBe('b1');
  });

  it('is bounded in items and in bytes, but takes a single one of any size', () => {
    queue = new WaitQueue(2, 10 * MIB);
    expect(queue.hasRoomFor(11 * MIB)).toBe(true);
    push('interactive', 1, 6 * MIB);
    expect(queue.hasRoomFor(4 * MIB)).toBe(true);
    expect(queue.hasRoomFor(4 * MIB + 1)).toBe(false);
    push('interactive', 1, MIB);
    expect(queue.hasRoomFor(0)).toBe(false);
  });

  it('knows bytes and items after removals, and removes once', () => {
    push('interactive', 2);
    const head = queue.head(false) as Named;

    expect([queue.remove(head), queue.remove(head), queue.serve(head)]).toEqual([true, false, false]);
    expect([queue.size, queue.bytes]).toEqual([1, 4 * MIB]);
  });

  it('counts who is served before one who joins now', () => {
    push('interactive', 8);
    push('background', 5);

    expect(queue.aheadOf('interactive')).toBe(10);
    expect(queue.aheadOf('background')).toBe(13);
  });
});
