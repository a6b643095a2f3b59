import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../../test/support/fake-clock.js';
import { turns } from '../../../../test/support/fetch-harness.js';
import { loadSettings } from '../../../config/index.js';
import { AbortedError, MemoryPressureError, PlimsollError, type ErrorCode } from '../../../errors/index.js';
import { ByteAccounts } from '../../../process-memory/index.js';
import { HostLines } from './host-lines.js';
import { HostResting } from './host-resting.js';

const GIB = 1024 ** 3;
const HOST = 'a.example';

const originError = (originStatus: number, details: Record<string, number> = {}): PlimsollError =>
  new PlimsollError('origin-error', 'no', { details: { originStatus, ...details } });

describe('HostLines', () => {
  let clock: FakeClock;
  let accounts: ByteAccounts;
  let lines: HostLines;
  let signal: AbortSignal;

  const open = (pauseMs: number): HostLines =>
    new HostLines(
      loadSettings(
        { NODE_ENV: 'test', ENRICHMENT_HOST_DELAY_MS: String(pauseMs) },
        { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB },
      ),
      clock,
      accounts,
      () => 0,
    );

  beforeEach(() => {
    clock = new FakeClock();
    accounts = new ByteAccounts();
    lines = open(1_000);
    signal = new AbortController().signal;
  });

  afterEach(() => {
    expect(lines.snapshot().visiting).toBe(0);
    lines.onApplicationShutdown();
    expect(accounts.totalUsedBytes).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  const visit = (host = HOST, error?: Error, urgent = false): Promise<string> =>
    lines.visit(host, () => (error === undefined ? Promise.resolve('seen') : Promise.reject(error)), {
      signal,
      urgent,
    });

  /** How the host is left alone: ms from now and why; what else became of the visit. */
  const outcome = async (host = HOST, error?: Error, urgent = false): Promise<unknown> => {
    try {
      return await visit(host, error, urgent);
    } catch (failure) {
      if (failure instanceof HostResting) return [failure.reason, failure.retryAt - clock.now()];
      return (failure as { code?: string }).code ?? (failure as Error).name;
    }
  };

  const fail = async (times: number, error: Error): Promise<void> => {
    for (let count = 0; count < times; count += 1) {
      clock.advance(1_000);
      await outcome(HOST, error);
    }
  };

  describe('between two visits', () => {
    it('sends the next one away until the pause is over', async () => {
      await visit();

      expect(await outcome()).toEqual(['pause', 1_000]);
      clock.advance(1_000);
      expect(await outcome()).toBe('seen');
    });

    it('knows hosts by their exact name and port', async () => {
      await visit('x.com');

      expect(await outcome('netflix.com')).toBe('seen');
      expect(await outcome('x.com:8443')).toBe('seen');
      expect(await outcome('www.x.com')).toBe('seen');
    });

    it('lets one visitor in at a time', async () => {
      let leave: () => void = () => undefined;
      const first = lines.visit(HOST, () => new Promise<void>((resolve) => (leave = resolve)), { signal });

      expect(await outcome()).toEqual(['busy', 1_000]);
      expect(lines.rest(HOST)).toBe('busy');
      leave();
      await first;
    });

    it('gives each who is sent away a time of their own, and one who is urgent the next', async () => {
      await visit();

      expect(await outcome()).toEqual(['pause', 1_000]);
      expect(await outcome()).toEqual(['pause', 2_000]);
      expect(await outcome()).toEqual(['pause', 3_000]);
      expect(await outcome(HOST, undefined, true)).toEqual(['pause', 1_000]);
    });

    it('consumes nothing when it is only asked', async () => {
      await visit();
      for (let count = 0; count < 100; count += 1) expect(lines.rest(HOST)).toBe('pause');
      clock.advance(1_000);

      for (let count = 0; count < 100; count += 1) expect(lines.rest(HOST)).toBeNull();
      expect(await outcome()).toBe('seen');
    });

    it('needs no pause after a visit that asked nobody', async () => {
      await lines.visit(HOST, (seen) => Promise.resolve(seen.notAsked()), { signal });

      expect(await outcome()).toBe('seen');
    });

    it('starts the pause anew for a host that was reached through a redirect', async () => {
      lines.noteAsked('b.example');

      expect(await outcome('b.example')).toEqual(['pause', 1_000]);
    });
  });

  describe('when the wait is shorter than a quarter of a second', () => {
    beforeEach(async () => {
      lines.onApplicationShutdown();
      lines = open(100);
      await visit();
    });

    it('waits instead of going away', async () => {
      const second = outcome();
      await turns(2);
      clock.advance(100);

      expect(await second).toBe('seen');
    });

    it('lets them in one after the other, in order', async () => {
      lines.onApplicationShutdown();
      lines = open(50);
      await visit();
      clock.advance(50);
      const order: string[] = [];
      const enter = (name: string): Promise<unknown> =>
        lines.visit(
          HOST,
          () => {
            order.push(name);
            return turns(1);
          },
          { signal },
        );
      const all = Promise.all([enter('a'), enter('b'), enter('c')]);
      for (let step = 0; step < 20; step += 1) await clock.advanceAsync(10);
      await all;

      expect(order).toEqual(['a', 'b', 'c']);
    });

    it('sends away who waited in vain, and lets the next one in', async () => {
      clock.advance(100);
      let leave: () => void = () => undefined;
      const first = lines.visit(HOST, () => new Promise<void>((resolve) => (leave = resolve)), { signal });
      const second = outcome();
      await turns(2);

      clock.advance(250);

      expect(await second).toEqual(['busy', 100]);
      leave();
      await first;
      await turns(2);
      clock.advance(100);
      expect(await outcome()).toBe('seen');
    });

    it('sends away at once who waited for a visitor to whom the host said that it wants to be left alone', async () => {
      clock.advance(100);
      let refuse: (error: Error) => void = () => undefined;
      const first = lines
        .visit(HOST, () => new Promise<void>((_resolve, reject) => (refuse = reject)), { signal })
        .catch(() => undefined);
      const second = outcome();
      await turns(2);

      refuse(originError(429, { retryAfterMs: 30_000 }));
      await first;

      expect(await second).toEqual(['retry-after', 30_000]);
    });

    it('ends the wait of one who is aborted', async () => {
      const controller = new AbortController();
      const waiting = lines.visit(HOST, () => Promise.resolve(), { signal: controller.signal });
      const ended = expect(waiting).rejects.toBeInstanceOf(AbortedError);
      await turns(1);

      controller.abort();

      await ended;
      await turns(2);
    });
  });

  describe('when the host fails', () => {
    it.each([
      ['unreachable', new PlimsollError('origin-unreachable', 'no')],
      ['slow', new PlimsollError('origin-timeout', 'no')],
      ['broken', new PlimsollError('origin-error', 'no')],
      ['at fault', originError(502)],
    ])('is left alone after five faults in a row (%s)', async (_what, error) => {
      await fail(4, error);
      clock.advance(1_000);
      expect(lines.rest(HOST)).toBeNull();

      await fail(1, error);

      expect(await outcome()).toEqual(['broken', 60_000]);
      expect(lines.snapshot()).toMatchObject({ broken: 1 });
      expect(await outcome('b.example')).toBe('seen');
    });

    it.each<[ErrorCode]>([
      ['origin-not-found'],
      ['origin-gone'],
      ['origin-refused'],
      ['too-many-redirects'],
      ['not-an-image'],
      ['undecodable-image'],
    ])('is not blamed for an answer that says no: %s', async (code) => {
      await fail(20, new PlimsollError(code, 'no'));
      clock.advance(1_000);

      expect(await outcome()).toBe('seen');
    });

    it.each([
      ['pressure', new MemoryPressureError('no', { retryAfterSeconds: 2 })],
      ['an abort', new AbortedError()],
      ['a full queue', new PlimsollError('server-busy', 'no')],
      ['a remembered failure', new PlimsollError('origin-timeout', 'no', { details: { remembered: true } })],
    ])('is not blamed for %s', async (_what, error) => {
      await fail(20, error);
      clock.advance(1_000);

      expect(await outcome()).toBe('seen');
    });

    it('forgets the faults at the first answer, also one that says no', async () => {
      await fail(4, originError(500));
      await fail(1, new PlimsollError('origin-not-found', 'no'));
      await fail(4, originError(500));
      clock.advance(1_000);

      expect(await outcome()).toBe('seen');
    });

    it('is probed once after its break, and left alone for longer when the probe fails', async () => {
      await fail(5, originError(500));
      clock.advance(60_000);
      expect(await outcome(HOST, originError(500))).toBe('origin-error');
      expect(await outcome()).toEqual(['broken', 120_000]);
      clock.advance(120_000);

      expect(await outcome()).toBe('seen');

      clock.advance(1_000);
      expect(await outcome()).toBe('seen');
    });

    it('lets one probe through at a time', async () => {
      await fail(5, originError(500));
      clock.advance(60_000);
      let leave: () => void = () => undefined;
      const probe = lines.visit(HOST, () => new Promise<void>((resolve) => (leave = resolve)), { signal });

      expect(await outcome()).toEqual(['busy', 1_000]);
      leave();
      await probe;
    });

    it('stays open over a probe that proves nothing, and lets the next one in at once', async () => {
      await fail(5, originError(500));
      clock.advance(60_000);
      expect(await outcome(HOST, new AbortedError())).toBe('AbortError');
      expect(lines.snapshot().broken).toBe(1);
      clock.advance(1_000);

      expect(await outcome()).toBe('seen');
      expect(lines.snapshot().broken).toBe(0);
    });

    it('never rests for more than an hour and some', async () => {
      await fail(5, originError(500));
      for (let count = 0; count < 12; count += 1) {
        clock.advance(3_600_000);
        await outcome(HOST, originError(500));
      }

      expect(await outcome()).toEqual(['broken', 3_600_000]);
    });

    it('is asked again at once when a person resets it', async () => {
      await fail(5, originError(500));
      clock.advance(1_000);

      lines.forget(HOST);

      expect(await outcome()).toBe('seen');
    });
  });

  describe('when a redirect leads to a host that fails', () => {
    const OTHER = 'cdn.example:8443';
    const away = (
      originStatus: number,
      details: Record<string, string | number | boolean> = {},
    ): PlimsollError =>
      new PlimsollError('origin-error', 'no', { details: { originStatus, host: OTHER, ...details } });

    it('blames that one and not the one that was visited', async () => {
      await fail(5, away(502));
      clock.advance(1_000);

      expect(lines.rest(HOST)).toBeNull();
      expect(await outcome(OTHER)).toEqual(['broken', 59_000]);
      expect(await outcome()).toBe('seen');
    });

    it('counts on where that one left off, and forgets at its first answer', async () => {
      await fail(4, away(502));
      clock.advance(1_000);
      expect(await outcome(OTHER)).toBe('seen');
      await fail(4, away(502));
      clock.advance(1_000);
      expect(lines.rest(OTHER)).toBeNull();

      await fail(1, away(502));

      expect(lines.rest(OTHER)).toBe('broken');
    });

    it('takes the redirect for an answer of the one that was visited', async () => {
      await fail(4, originError(500));
      await fail(1, away(502));
      await fail(4, originError(500));
      clock.advance(1_000);

      expect(await outcome()).toBe('seen');
    });

    it('gives that one the patience that it asks for, and a pause', async () => {
      await outcome(HOST, away(429, { retryAfterMs: 30_000 }));
      await outcome(
        'b.example',
        new PlimsollError('origin-not-found', 'no', { details: { host: 'c.example' } }),
      );

      expect(await outcome(OTHER)).toEqual(['retry-after', 30_000]);
      expect(await outcome('c.example')).toEqual(['pause', 1_000]);
      clock.advance(1_000);
      expect(await outcome()).toBe('seen');
    });

    it('learns nothing from a failure that was only remembered', async () => {
      await fail(20, away(502, { remembered: true }));
      clock.advance(1_000);

      expect(await outcome(OTHER)).toBe('seen');
    });

    it('lengthens no break that goes on already', async () => {
      await fail(20, away(502));

      expect(await outcome(OTHER)).toEqual(['broken', 60_000 - 15_000]);
    });
  });

  describe('when the host asks for patience', () => {
    it.each([
      ['a 429', originError(429, { retryAfterMs: 30_000 }), 30_000],
      ['a 503', originError(503, { retryAfterMs: 30_000 }), 30_000],
      ['a 429 without a time', originError(429), 60_000],
      ['a time that is too long', originError(503, { retryAfterMs: 86_400_000 }), 3_600_000],
    ])('gives it after %s', async (_what, error, restMs) => {
      await outcome(HOST, error);

      expect(await outcome()).toEqual(['retry-after', restMs]);
      lines.forget(HOST);
      expect(await outcome(HOST, undefined, true)).toEqual(['retry-after', restMs]);
      clock.advance(restMs);
      expect(await outcome()).toBe('seen');
    });

    it('does not take a time from other answers', async () => {
      await outcome(HOST, originError(500, { retryAfterMs: 30_000 }));

      expect(await outcome()).toEqual(['pause', 1_000]);
    });
  });

  describe('when many hosts are known', () => {
    it('forgets those that hold nothing, and counts its bytes', async () => {
      for (let count = 0; count < 5_000; count += 1) {
        await visit(`host-${count}.example`);
        clock.advance(1_000);
      }

      expect(lines.snapshot().hosts).toBeLessThan(10);
      expect(accounts.totalUsedBytes).toBeLessThan(40_000);
    });

    it('keeps a bounded number of those that fail, the latest', async () => {
      for (let count = 0; count < 3_000; count += 1) {
        await outcome(`host-${count}.example`, originError(500));
      }

      expect(lines.snapshot().hosts).toBe(2_048);
      expect(accounts.totalUsedBytes).toBeLessThanOrEqual(6 * 1024 ** 2);
      expect(lines.rest('host-0.example')).toBeNull();
      expect(lines.rest('host-2999.example')).toBe('pause');
    });
  });
});
