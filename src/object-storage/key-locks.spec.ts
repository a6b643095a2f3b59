import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { KeyLocks } from './key-locks.js';

describe('KeyLocks', () => {
  const clock = new FakeClock();
  const locks = new KeyLocks(clock);

  afterEach(() => {
    expect(locks.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  function gate(): { readonly opened: Promise<void>; open(): void } {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { opened, open };
  }

  it('runs one task per key at a time, in order of arrival, and other keys beside it', async () => {
    const log: string[] = [];
    const first = gate();
    const tasks = [
      locks.run('a', async () => {
        await first.opened;
        log.push('a1');
      }),
      locks.run('a', async () => void log.push('a2')),
      locks.run('a', async () => void log.push('a3')),
    ];
    await locks.run('b', async () => void log.push('b'));
    first.open();
    await Promise.all(tasks);

    expect(log).toEqual(['b', 'a1', 'a2', 'a3']);
  });

  it('goes on after a task that fails', async () => {
    const failing = locks.run('a', () => Promise.reject(new Error('no')));
    const next = locks.run('a', () => Promise.resolve('yes'));

    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('refuses waiters past the bound of a key', async () => {
    const first = gate();
    const running = locks.run('a', () => first.opened);
    const waiting = Array.from({ length: 64 }, () => locks.run('a', () => Promise.resolve()));

    await expect(locks.run('a', () => Promise.resolve())).rejects.toMatchObject({ code: 'server-busy' });

    first.open();
    await Promise.all([running, ...waiting]);
  });

  it('gives up a wait at its deadline, and the others keep their turn', async () => {
    const first = gate();
    const running = locks.run('a', () => first.opened);
    const late = locks.run('a', () => Promise.resolve('late'));
    clock.advance(29_999);
    const next = locks.run('a', () => Promise.resolve('next'));
    clock.advance(1);

    await expect(late).rejects.toMatchObject({ code: 'storage-unavailable' });
    first.open();
    await running;
    expect(await next).toBe('next');
  });
});
