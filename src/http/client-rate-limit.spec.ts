import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { loadSettings } from '../config/index.js';
import { ClientRateLimit } from './client-rate-limit.js';

const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8 * 1024 ** 3, heapLimitBytes: 1024 ** 3 };
const limitOf = (environment: Record<string, string>): ClientRateLimit =>
  new ClientRateLimit(loadSettings(environment, MACHINE));

describe('the client rate limit', () => {
  beforeEach(() => {
    // The library reads the time by itself.
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
  });

  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('gives each client its share a minute and says how long to wait', async () => {
    const limit = limitOf({ THROTTLE_PER_MINUTE: '2' });
    await limit.charge('192.0.2.1');
    await limit.charge('192.0.2.1');
    await limit.charge('192.0.2.2');

    jest.advanceTimersByTime(20_000);
    await expect(limit.charge('192.0.2.1')).rejects.toMatchObject({
      code: 'too-many-requests',
      retryAfterSeconds: 40,
    });
    jest.advanceTimersByTime(40_000);
    await limit.charge('192.0.2.1');

    expect(limit.snapshot()).toEqual({ clients: 2, refused: 1 });
    limit.onApplicationShutdown();
  });

  it('counts the addresses of one IPv6 network together', async () => {
    const limit = limitOf({ THROTTLE_PER_MINUTE: '1' });
    await limit.charge('2001:db8::1');

    await expect(limit.charge('2001:db8::2')).rejects.toMatchObject({ code: 'too-many-requests' });
    await limit.charge('2001:db8:0:1::1');
    limit.onApplicationShutdown();
  });

  it('remembers a bounded number of clients, and no timer of a forgotten one', async () => {
    const limit = limitOf({ THROTTLE_PER_MINUTE: '1' });
    for (let i = 0; i < 20_500; i += 1) await limit.charge(`client-${i}`);

    expect(limit.snapshot().clients).toBe(20_000);
    expect(jest.getTimerCount()).toBe(20_000);
    await limit.charge('client-0');
    await expect(limit.charge('client-20499')).rejects.toMatchObject({ code: 'too-many-requests' });
    limit.onApplicationShutdown();
  });

  it('charges nobody when it is off', async () => {
    const limit = limitOf({ THROTTLE: 'off', THROTTLE_PER_MINUTE: '1' });
    await limit.charge('192.0.2.1');
    await limit.charge('192.0.2.1');

    expect(limit.snapshot()).toEqual({ clients: 0, refused: 0 });
  });
});
