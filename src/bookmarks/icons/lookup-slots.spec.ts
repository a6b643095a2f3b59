import { describe, expect, it } from '@jest/globals';
import { LookupSlots } from './lookup-slots.js';

const NEVER = new AbortController().signal;

describe('lookup slots', () => {
  it('let so many in, the others in the order in which they came', async () => {
    const slots = new LookupSlots(1, 8);
    const order: string[] = [];
    const first = await slots.acquire(NEVER);
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      const release = await slots.acquire(NEVER);
      order.push(name);
      release();
    });

    expect(order).toEqual([]);
    first();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
    (await slots.acquire(NEVER))();
  });

  it('refuse when the line is full', async () => {
    const slots = new LookupSlots(1, 1);
    const release = await slots.acquire(NEVER);
    const second = slots.acquire(NEVER);

    await expect(slots.acquire(NEVER)).rejects.toMatchObject({ code: 'server-busy' });
    release();
    (await second)();
  });

  it('give the place in line up when its owner leaves', async () => {
    const slots = new LookupSlots(1, 1);
    const release = await slots.acquire(NEVER);
    const leaver = new AbortController();
    const left = slots.acquire(leaver.signal);
    leaver.abort();

    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    const next = slots.acquire(NEVER);
    release();
    (await next)();
    await expect(slots.acquire(leaver.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('are freed once, however often they are given back', async () => {
    const slots = new LookupSlots(1, 0);
    const release = await slots.acquire(NEVER);
    release();
    release();
    await slots.acquire(NEVER);

    await expect(slots.acquire(NEVER)).rejects.toMatchObject({ code: 'server-busy' });
  });
});
