import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { Cancellation } from './cancellation.js';
import { DownloadSlots } from './download-slots.js';

describe('DownloadSlots', () => {
  let clock: FakeClock;
  let slots: DownloadSlots;
  let order: string[];
  let cancellations: Cancellation[];

  beforeEach(() => {
    clock = new FakeClock();
    slots = new DownloadSlots(3, 2, 4);
    order = [];
    cancellations = [];
  });

  afterEach(() => {
    for (const cancellation of cancellations) cancellation.close();
    expect({ active: slots.active, waiting: slots.waiting, timers: clock.pendingTimers }).toEqual({
      active: 0,
      waiting: 0,
      timers: 0,
    });
  });

  const cancellation = (timeoutMs = 60_000, signal?: AbortSignal): Cancellation => {
    const made = new Cancellation(clock, timeoutMs, signal);
    cancellations.push(made);
    return made;
  };

  const acquire = async (origin: string, label = origin): Promise<() => void> => {
    const release = await slots.acquire(origin, cancellation());
    order.push(label);
    return release;
  };

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('gives one origin no more than its share and all together no more than the total', async () => {
    const held = [await acquire('a'), await acquire('a'), await acquire('b')];
    const waiting = [acquire('a'), acquire('c')];
    await settle();

    expect(slots.active).toBe(3);
    expect(slots.waiting).toBe(2);

    for (const release of held) release();
    for (const release of await Promise.all(waiting)) release();
  });

  it('lets the waiters of a slow origin block nobody else', async () => {
    const slow = [await acquire('slow'), await acquire('slow')];
    const behind = [acquire('slow', 'slow-3'), acquire('slow', 'slow-4')];
    await settle();

    const quick = await acquire('quick');

    expect(order).toEqual(['slow', 'slow', 'quick']);
    quick();
    for (const release of slow) release();
    for (const release of await Promise.all(behind)) release();
  });

  it('serves the origins in turn and one origin first come, first served', async () => {
    const held = [await acquire('x'), await acquire('y'), await acquire('z')];
    order = [];
    const waiting = [acquire('a', 'a1'), acquire('a', 'a2'), acquire('b', 'b1'), acquire('c', 'c1')];
    await settle();

    for (const release of held) release();
    await settle();
    expect(order).toEqual(['a1', 'b1', 'c1']);

    (await waiting[0])?.();
    await settle();
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2']);
    for (const release of await Promise.all(waiting)) release();
  });

  it('refuses at once when too many wait', async () => {
    const held = [await acquire('a'), await acquire('a')];
    const waiting = Array.from({ length: 4 }, () => acquire('a'));

    await expect(acquire('a')).rejects.toMatchObject({ code: 'server-busy', retryAfterSeconds: 2 });

    for (const release of held) release();
    for (const pending of waiting) (await pending)();
  });

  it('calls a deadline that passes in line server-busy, not a fault of the origin', async () => {
    const held = [await acquire('a'), await acquire('a')];
    const late = slots.acquire('a', cancellation(5_000));
    const outcome = expect(late).rejects.toMatchObject({ code: 'server-busy' });

    clock.advance(5_000);
    await outcome;

    expect(slots.waiting).toBe(0);
    for (const release of held) release();
  });

  it('leaves the line when its caller aborts', async () => {
    const held = [await acquire('a'), await acquire('a')];
    const controller = new AbortController();
    const outcome = expect(slots.acquire('a', cancellation(5_000, controller.signal))).rejects.toMatchObject({
      name: 'AbortError',
    });

    controller.abort();
    await outcome;

    expect(slots.waiting).toBe(0);
    for (const release of held) release();
  });

  it('counts a slot once, however often it is given back', async () => {
    const release = await acquire('a');
    const other = await acquire('a');

    release();
    release();

    expect(slots.active).toBe(1);
    other();
  });
});
