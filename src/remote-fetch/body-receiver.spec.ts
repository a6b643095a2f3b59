import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { BodyReceiver, type ReceivedBody } from './body-receiver.js';
import type { FetchSink } from './fetch-types.js';

describe('BodyReceiver', () => {
  it('writes and finishes a body that ends before its sink is open', async () => {
    const writable = new PassThrough();
    const sink: FetchSink = { writable, discard: () => Promise.resolve() };
    const body = new Promise<ReceivedBody<FetchSink>>((resolve, reject) => {
      const receiver = new BodyReceiver({
        maxBytes: 100,
        memoryThresholdBytes: 4,
        expectedBytes: undefined,
        openSink: () => Promise.resolve(sink),
        flow: { pause: () => undefined, resume: () => undefined },
        onComplete: resolve,
        onFault: reject,
      });
      receiver.start();
      receiver.push(Buffer.from('abc'));
      receiver.push(Buffer.from('def'));
      receiver.push(Buffer.from('ghi'));
      receiver.end();
    });

    expect(await body).toEqual({ kind: 'sink', sink });
    expect(String(writable.read())).toBe('abcdefghi');
  });

  it('gathers many chunks of unknown number into one buffer of exactly their length', async () => {
    const body = await new Promise<ReceivedBody<FetchSink>>((resolve, reject) => {
      const receiver = new BodyReceiver({
        maxBytes: 1_000_000,
        memoryThresholdBytes: 500_000,
        expectedBytes: undefined,
        openSink: () => Promise.reject(new Error('no sink expected')),
        flow: { pause: () => undefined, resume: () => undefined },
        onComplete: resolve,
        onFault: reject,
      });
      for (let index = 0; index < 1_000; index += 1) receiver.push(Buffer.alloc(333, index));
      receiver.end();
    });

    if (body.kind !== 'memory') throw new Error(body.kind);
    expect(body.bytes.buffer.byteLength).toBe(333_000);
    expect(body.bytes[332_999]).toBe(999 & 0xff);
  });
});
