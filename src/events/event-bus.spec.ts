import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { FakeClock } from '../../test/support/fake-clock.js';
import { EventBus } from './event-bus.js';
import type { EventMap } from './event-map.js';

Logger.overrideLogger(false);

const DISPOSED: EventMap['image-disposed'] = { key: 'k', size: 7, reason: 'evict' };
const REJECTED: EventMap['buffer-rejected'] = { key: 'k', size: 7, reason: 'pressure' };

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('EventBus', () => {
  let clock: FakeClock;
  let emitter: EventEmitter2;
  let bus: EventBus;

  beforeEach(() => {
    clock = new FakeClock();
    emitter = new EventEmitter2();
    bus = new EventBus(emitter, clock);
  });

  afterEach(() => {
    bus.onApplicationShutdown();
    expect(bus.snapshot().listeners).toBe(0);
    expect(emitter.eventNames()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('hands each listener the payload, stamped with the time and a number that grows by one with every event', () => {
    const heard: unknown[] = [];
    bus.on('image-disposed', 'test', (payload) => void heard.push(payload));
    bus.on('buffer-rejected', 'test', (payload) => void heard.push(payload));

    const first = bus.emit('image-disposed', DISPOSED);
    clock.advance(5);
    const second = bus.emit('buffer-rejected', REJECTED);

    expect(heard).toEqual([first, second]);
    expect(first).toEqual({ ...DISPOSED, at: clock.now() - 5, epoch: 1 });
    expect(second).toEqual({ ...REJECTED, at: clock.now(), epoch: 2 });
    expect(Object.isFrozen(first)).toBe(true);
  });

  it('runs listeners inside emit, in order of registration', () => {
    const order: string[] = [];
    bus.on('image-disposed', 'a', () => void order.push('a'));
    bus.on('image-disposed', 'b', async () => {
      order.push('b');
      await settled();
      order.push('never seen here');
    });

    bus.emit('image-disposed', DISPOSED);
    order.push('after');

    expect(order).toEqual(['a', 'b', 'after']);
  });

  it('lets a listener send an event of its own, with a later number', () => {
    const epochs: number[] = [];
    bus.on('image-disposed', 'test', ({ epoch }) => {
      epochs.push(epoch);
      bus.emit('buffer-rejected', REJECTED);
    });
    bus.on('buffer-rejected', 'test', ({ epoch }) => void epochs.push(epoch));

    bus.emit('image-disposed', DISPOSED);

    expect(epochs).toEqual([1, 2]);
  });

  it('counts what it sent, heard or not', () => {
    bus.emit('image-disposed', DISPOSED);
    bus.emit('image-disposed', DISPOSED);

    expect(bus.snapshot()).toEqual({
      emitted: { 'image-disposed': 2 },
      listenerErrors: 0,
      listenerTimeouts: 0,
      listeners: 0,
    });
  });

  describe('with a bad listener', () => {
    it('survives one that throws, and runs the next', () => {
      const heard: number[] = [];
      bus.on('image-disposed', 'bad', () => {
        throw new Error('broken');
      });
      bus.on('image-disposed', 'good', ({ size }) => void heard.push(size));

      bus.emit('image-disposed', DISPOSED);

      expect(heard).toEqual([7]);
      expect(bus.snapshot().listenerErrors).toBe(1);
    });

    it('survives one that rejects, and what is thrown need not be an error', async () => {
      bus.on('image-disposed', 'bad', () => Promise.reject(new Error('broken')));
      bus.on('image-disposed', 'worse', () => Promise.reject(undefined as unknown as Error));

      bus.emit('image-disposed', DISPOSED);
      await settled();

      expect(bus.snapshot()).toMatchObject({ listenerErrors: 2, listenerTimeouts: 0 });
    });

    it('counts one that hangs, once, and does not wait for it', () => {
      bus.on('image-disposed', 'hangs', () => new Promise(() => undefined));

      bus.emit('image-disposed', DISPOSED);
      clock.advance(999);
      expect(bus.snapshot().listenerTimeouts).toBe(0);
      clock.advance(60_000);

      expect(bus.snapshot()).toMatchObject({ listenerErrors: 0, listenerTimeouts: 1 });
    });

    it('does not count one that is done in time', async () => {
      bus.on('image-disposed', 'slow', () => settled());

      bus.emit('image-disposed', DISPOSED);
      await settled();
      await settled();
      expect(clock.pendingTimers).toBe(0);
      clock.advance(60_000);

      expect(bus.snapshot().listenerTimeouts).toBe(0);
    });

    it('leaves no timer of a hanging one behind when it closes', () => {
      bus.on('image-disposed', 'hangs', () => new Promise(() => undefined));
      bus.emit('image-disposed', DISPOSED);

      bus.onApplicationShutdown();

      expect(clock.pendingTimers).toBe(0);
    });
  });

  describe('when a listener leaves', () => {
    it('calls it no more; leaving twice is harmless, and one function may listen twice', () => {
      let calls = 0;
      const listener = (): void => void (calls += 1);
      const offFirst = bus.on('image-disposed', 'first', listener);
      bus.on('image-disposed', 'second', listener);

      offFirst();
      offFirst();
      bus.emit('image-disposed', DISPOSED);

      expect(calls).toBe(1);
      expect(bus.snapshot().listeners).toBe(1);
    });

    it('reaches nobody after shutdown', () => {
      let calls = 0;
      bus.on('image-disposed', 'test', () => void (calls += 1));

      bus.onApplicationShutdown();
      bus.emit('image-disposed', DISPOSED);

      expect(calls).toBe(0);
    });
  });
});
