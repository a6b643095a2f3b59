import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AbortedError } from '../errors/index.js';
import { BackgroundTasks } from './background-tasks.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('BackgroundTasks', () => {
  let clock: FakeClock;
  let tasks: BackgroundTasks;

  beforeEach(() => {
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    clock = new FakeClock();
    tasks = new BackgroundTasks(clock);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    expect(clock.pendingTimers).toBe(0);
  });

  it('counts what runs and what failed, by label, and logs the failure', async () => {
    tasks.detach(Promise.reject(new Error('disk full')), 'store.write');
    tasks.detach(Promise.resolve(), 'store.write');
    tasks.detach(new Promise(() => {}), 'revalidate');
    await turn();

    expect(tasks.snapshot()).toEqual({
      started: 3,
      running: 1,
      failed: 1,
      byLabel: {
        'store.write': { started: 2, running: 0, failed: 1 },
        revalidate: { started: 1, running: 1, failed: 0 },
      },
    });
    expect(Logger.prototype.warn).toHaveBeenCalledWith('Background task store.write failed: disk full');
  });

  it('takes an abort for no failure', async () => {
    tasks.detach(Promise.reject(new AbortedError()), 'revalidate');
    await turn();

    expect(tasks.snapshot()).toMatchObject({ failed: 0, running: 0 });
    expect(Logger.prototype.warn).not.toHaveBeenCalled();
  });

  it('counts 128 labels apart and the rest together', async () => {
    for (let count = 0; count < 200; count += 1) tasks.detach(Promise.resolve(), `label-${count}`);
    await turn();

    expect(Object.keys(tasks.snapshot().byLabel)).toHaveLength(129);
    expect(tasks.snapshot().byLabel['other']?.started).toBe(72);
  });

  describe('settled', () => {
    it('is there at once when nothing runs', async () => {
      await expect(tasks.settled(1_000)).resolves.toEqual({ settled: true, remaining: {} });
    });

    it('waits for what runs, and for what that starts', async () => {
      let finish!: () => void;
      const inner = new Promise<void>((resolve) => (finish = resolve));
      const outer = Promise.resolve().then(() => tasks.detach(inner, 'inner'));
      tasks.detach(outer, 'outer');
      let done = false;
      const waiting = tasks.settled(1_000).then((outcome) => {
        done = true;
        return outcome;
      });
      await turn();
      const early = done;
      finish();

      await expect(waiting).resolves.toEqual({ settled: true, remaining: {} });
      expect(early).toBe(false);
    });

    it('gives up at the deadline and names what still runs', async () => {
      tasks.detach(new Promise(() => {}), 'stuck');
      tasks.detach(new Promise(() => {}), 'stuck');

      const waiting = tasks.settled(1_000);
      clock.advance(1_000);

      await expect(waiting).resolves.toEqual({ settled: false, remaining: { stuck: 2 } });
    });
  });
});
