import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { FakeClock } from '../../test/support/fake-clock.js';
import { isAbort } from '../errors/index.js';
import { SingleFlight } from './single-flight.js';

interface Work {
  readonly signal: AbortSignal;
  resolve(value: string): void;
  reject(error: Error): void;
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('SingleFlight', () => {
  let clock: FakeClock;
  let flights: SingleFlight;
  let works: Work[];

  const work = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => void works.push({ signal, resolve, reject }));
  const the = (index: number): Work => works[index] as Work;

  beforeEach(() => {
    clock = new FakeClock();
    flights = new SingleFlight(clock);
    works = [];
  });

  afterEach(async () => {
    for (const each of works) each.resolve('late');
    await settled();
    expect(flights.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('runs the work once for all who ask at the same time', async () => {
    const asked = [1, 2, 3].map(() => flights.run('k', work));
    the(0).resolve('v');

    expect(await Promise.all(asked)).toEqual([
      { value: 'v', coalesced: false },
      { value: 'v', coalesced: true },
      { value: 'v', coalesced: true },
    ]);
    expect(works).toHaveLength(1);
    expect(flights.snapshot()).toMatchObject({ started: 1, coalesced: 2 });
  });

  it('keeps different keys apart', async () => {
    const asked = [flights.run('a', work), flights.run('b', work)];
    the(0).resolve('a');
    the(1).resolve('b');

    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual(['a', 'b']);
  });

  it('forgets a result: who comes later starts anew', async () => {
    const first = flights.run('k', work);
    the(0).resolve('1');
    await first;

    const second = flights.run('k', work);
    the(1).resolve('2');

    expect(await second).toEqual({ value: '2', coalesced: false });
  });

  it('hands a failure to all who wait and does not keep it', async () => {
    const asked = [flights.run('k', work), flights.run('k', work)];
    the(0).reject(new Error('boom'));
    await Promise.all(asked.map((each) => expect(each).rejects.toThrow('boom')));

    const again = flights.run('k', work);
    the(1).resolve('fine');

    expect((await again).value).toBe('fine');
    expect(flights.snapshot().failed).toBe(1);
  });

  it('treats work that throws at once like work that rejects', async () => {
    const asked = flights.run('k', () => {
      throw new Error('at once');
    });

    await expect(asked).rejects.toThrow('at once');
    expect(flights.has('k')).toBe(false);
  });

  it('does not fail the followers when the leader goes away', async () => {
    const leader = new AbortController();
    const first = flights.run('k', work, { signal: leader.signal });
    const second = flights.run('k', work);
    leader.abort();

    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect(the(0).signal.aborted).toBe(false);
    the(0).resolve('v');

    expect((await second).value).toBe('v');
  });

  it('aborts the work when the last waiter has left, not before', async () => {
    const controllers = [new AbortController(), new AbortController()];
    const asked = controllers.map(({ signal }) => flights.run('k', work, { signal }));
    const outcomes = Promise.allSettled(asked);

    controllers[0]?.abort();
    expect(the(0).signal.aborted).toBe(false);
    controllers[1]?.abort();
    expect(the(0).signal.aborted).toBe(true);

    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(isAbort(the(0).signal.reason)).toBe(true);
    expect(flights.snapshot().abandoned).toBe(1);
  });

  it('starts afresh for one who comes after the work was abandoned, and the old end does not disturb it', async () => {
    const gone = new AbortController();
    const first = flights.run('k', work, { signal: gone.signal });
    gone.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });

    const second = flights.run('k', work);
    the(0).reject(new Error('aborted work fails late'));
    await settled();

    expect(flights.has('k')).toBe(true);
    const third = flights.run('k', work);
    the(1).resolve('new');
    expect(await third).toEqual({ value: 'new', coalesced: true });
    expect((await second).value).toBe('new');
  });

  it('gives each waiter its own deadline', async () => {
    const patient = flights.run('k', work, { deadlineMs: 1_000 });
    const hasty = flights.run('k', work, { deadlineMs: 100 });

    const refused = expect(hasty).rejects.toMatchObject({ code: 'operation-timeout', timeoutMs: 100 });
    clock.advance(100);
    await refused;
    expect(the(0).signal.aborted).toBe(false);
    the(0).resolve('v');

    expect((await patient).value).toBe('v');
  });

  it('refuses at once, without starting anything, who is aborted already', async () => {
    await expect(flights.run('k', work, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });

    expect(works).toHaveLength(0);
  });

  it.each(['success', 'failure', 'deadline'])(
    'leaves no listener on a long-lived signal after %s',
    async (end) => {
      const { signal } = new AbortController();
      const asked = flights.run('k', work, { signal, deadlineMs: 50 });
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);

      const outcome = Promise.allSettled([asked]);
      if (end === 'success') the(0).resolve('v');
      else if (end === 'failure') the(0).reject(new Error('no'));
      else clock.advance(50);
      await outcome;

      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    },
  );
});
