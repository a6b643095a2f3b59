import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { WRITE_WAIT_MS, WriteQueue } from './write-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('WriteQueue', () => {
  const clock = new FakeClock();

  afterEach(() => {
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets one in at a time, in the order of arrival', async () => {
    const queue = new WriteQueue(clock);
    const order: number[] = [];
    const leave = await queue.enter();

    const others = [1, 2, 3].map(async (number) => {
      const leaveAgain = await queue.enter();
      order.push(number);
      await turn();
      order.push(-number);
      leaveAgain();
    });
    await turn();
    expect(order).toEqual([]);
    leave();
    await Promise.all(others);

    expect(order).toEqual([1, -1, 2, -2, 3, -3]);
  });

  it('takes no notice of a turn that ends twice', async () => {
    const queue = new WriteQueue(clock);
    const first = await queue.enter();
    first();
    const second = await queue.enter();
    first();
    let third = false;

    const waiting = queue.enter().then((leave) => {
      third = true;
      leave();
    });
    await turn();
    expect(third).toBe(false);
    second();
    await waiting;

    expect(third).toBe(true);
  });

  it('refuses who has waited too long, and nobody else', async () => {
    const queue = new WriteQueue(clock);
    const leave = await queue.enter();
    const early = queue.enter();
    clock.advance(WRITE_WAIT_MS - 1);
    const late = queue.enter();

    clock.advance(1);
    await expect(early).rejects.toMatchObject({ code: 'database-unavailable' });
    leave();

    (await late)();
  });

  it('is bounded', async () => {
    const queue = new WriteQueue(clock);
    const leave = await queue.enter();
    const waiting = Array.from({ length: 4_096 }, () => queue.enter());

    await expect(queue.enter()).rejects.toMatchObject({ code: 'database-unavailable' });

    leave();
    for (const next of waiting) (await next)();
  });

  it('closes when the one inside has left, and refuses all others', async () => {
    const queue = new WriteQueue(clock);
    const leave = await queue.enter();
    const waiting = queue.enter();
    let closed = false;

    const closing = queue.close().then(() => (closed = true));
    await expect(waiting).rejects.toMatchObject({ code: 'shutting-down' });
    await expect(queue.enter()).rejects.toMatchObject({ code: 'shutting-down' });
    expect(closed).toBe(false);
    leave();
    await closing;

    expect(closed).toBe(true);
  });
});
