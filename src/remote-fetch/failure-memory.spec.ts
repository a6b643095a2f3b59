import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { AbortedError, MemoryPressureError, PlimsollError, type ErrorCode } from '../errors/index.js';
import { ByteAccounts, type ByteAccount } from '../process-memory/index.js';
import { FailureMemory } from './failure-memory.js';

const URL_A = 'http://example.com/a.jpg';
const MAX_BYTES = 1_000;

describe('FailureMemory', () => {
  let clock: FakeClock;
  let account: ByteAccount;
  let memory: FailureMemory;

  beforeEach(() => {
    clock = new FakeClock();
    account = new ByteAccounts().open('test', 100_000);
    memory = new FailureMemory(clock, 10_000, account);
  });

  afterEach(() => {
    memory.clear();
    expect({ used: account.usedBytes, timers: clock.pendingTimers }).toEqual({ used: 0, timers: 0 });
  });

  const fault = (code: ErrorCode, retryAfterSeconds?: number): PlimsollError =>
    new PlimsollError(code, 'No.', {
      details: { originStatus: 500 },
      ...(retryAfterSeconds && { retryAfterSeconds }),
    });
  const known =
    (url = URL_A, maxBytes = MAX_BYTES): (() => void) =>
    () =>
      memory.throwIfKnown(url, maxBytes);

  it('throws the same fault again while it is fresh, and says that it is remembered', () => {
    memory.remember(URL_A, fault('origin-not-found'), MAX_BYTES);

    clock.advance(9_999);
    expect(known()).toThrow(
      expect.objectContaining({ code: 'origin-not-found', details: { originStatus: 500, remembered: true } }),
    );
    expect(memory.hits).toBe(1);

    clock.advance(1);
    expect(known()).not.toThrow();
    expect(memory.entries).toBe(0);
  });

  it.each([
    fault('url-not-allowed'),
    fault('server-busy'),
    fault('shutting-down'),
    fault('storage-unavailable'),
    fault('invalid-parameter'),
    new MemoryPressureError('Not now.', { retryAfterSeconds: 2 }),
    new AbortedError(),
    Object.assign(new Error('disk full'), { code: 'ENOSPC' }),
  ])('never remembers what was decided here: $message $code', (error) => {
    memory.remember(URL_A, error, MAX_BYTES);

    expect(known()).not.toThrow();
    expect(memory.entries).toBe(0);
  });

  it('honours the Retry-After of an origin up to five minutes', () => {
    memory.remember(URL_A, fault('origin-error', 60), MAX_BYTES);
    clock.advance(59_000);
    expect(known()).toThrow(expect.objectContaining({ code: 'origin-error', retryAfterSeconds: 1 }));
    clock.advance(1_000);
    expect(known()).not.toThrow();

    memory.remember(URL_A, fault('origin-error', 86_400), MAX_BYTES);
    clock.advance(300_000);
    expect(known()).not.toThrow();
  });

  it('lets a larger cap ask again after a source was too large', () => {
    memory.remember(URL_A, fault('source-too-large'), MAX_BYTES);

    expect(known(URL_A, MAX_BYTES)).toThrow(expect.objectContaining({ code: 'source-too-large' }));
    expect(known(URL_A, MAX_BYTES + 1)).not.toThrow();
  });

  it('stays within its budget and drops the oldest first', () => {
    for (let index = 0; index < 1_000; index += 1) {
      memory.remember(`http://example.com/${index}`, fault('origin-gone'), MAX_BYTES);
      expect(account.usedBytes).toBeLessThanOrEqual(account.budgetBytes);
    }

    expect(memory.entries).toBeGreaterThan(100);
    expect(known('http://example.com/0')).not.toThrow();
    expect(known('http://example.com/999')).toThrow('No.');
  });

  it('is bounded in entries whatever its budget', () => {
    const large = new ByteAccounts().open('large', 1e9);
    const roomy = new FailureMemory(clock, 10_000, large);

    for (let index = 0; index < 5_000; index += 1)
      roomy.remember(`http://e/${index}`, fault('origin-gone'), 1);

    expect(roomy.entries).toBe(4_096);
  });

  it('weighs a URL once, however often it fails', () => {
    memory.remember(URL_A, fault('origin-gone'), MAX_BYTES);
    const once = account.usedBytes;

    memory.remember(URL_A, fault('origin-gone'), MAX_BYTES);

    expect(account.usedBytes).toBe(once);
    memory.forget(URL_A);
    expect(account.usedBytes).toBe(0);
  });

  it('remembers nothing when its time is 0', () => {
    const off = new FailureMemory(clock, 0, account);

    off.remember(URL_A, fault('origin-error', 60), MAX_BYTES);

    expect(off.entries).toBe(0);
  });
});
