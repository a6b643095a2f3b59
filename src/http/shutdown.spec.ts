import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { FakeClock } from '../../test/support/fake-clock.js';
import { PinoLogger } from './pino-logger.js';
import { installShutdown } from './shutdown.js';

describe('the end of the process', () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const listeners = new Map<string, (...values: unknown[]) => void>();
  const codes: number[] = [];

  function install(close: () => Promise<void>): void {
    installShutdown({
      app: { close },
      logger: new PinoLogger(pino({ level: 'info' }, { write: (line) => void lines.push(line) })),
      clock,
      requestTimeoutMs: 25_000,
      end: {
        on: (event, listener) => void listeners.set(event, listener),
        exit: (code) => void codes.push(code),
      },
    });
  }

  afterEach(() => {
    expect(clock.pendingTimers).toBe(0);
    lines.length = codes.length = 0;
  });

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it.each(['SIGTERM', 'SIGINT'])('comes with 0 after %s, once everything has closed', async (signal) => {
    let closed = (): void => undefined;
    install(() => new Promise((resolve) => (closed = resolve)));

    listeners.get(signal)?.();
    await settle();
    expect(codes).toEqual([]);
    closed();
    await settle();

    expect(codes).toEqual([0]);
  });

  it('comes at once with 1 after a second signal', async () => {
    install(() => new Promise(() => undefined));

    listeners.get('SIGTERM')?.();
    listeners.get('SIGINT')?.();

    expect(codes).toEqual([1]);
  });

  it('comes with 1 when rooms do not close in time', () => {
    install(() => new Promise(() => undefined));

    listeners.get('SIGTERM')?.();
    clock.advance(29_999);
    expect(codes).toEqual([]);
    clock.advance(1);

    expect(codes).toEqual([1]);
  });

  it('comes with 1 when closing fails', async () => {
    install(() => Promise.reject(new Error('stuck room')));

    listeners.get('SIGTERM')?.();
    await settle();

    expect(codes).toEqual([1]);
    expect(lines.join('')).toContain('stuck room');
  });

  it.each(['uncaughtException', 'unhandledRejection'])('comes with 1 after %s, logged as fatal', (event) => {
    install(() => Promise.resolve());

    listeners.get(event)?.(new Error('nobody caught me'));

    expect(codes).toEqual([1]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 60,
      msg: 'Error: nobody caught me',
      context: 'process',
    });
  });
});
