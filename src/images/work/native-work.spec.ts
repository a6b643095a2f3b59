import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import {
  AbortedError,
  MemoryPressureError,
  OperationTimeoutError,
  PlimsollError,
} from '../../errors/index.js';
import type { ObjectKey } from '../../object-storage/index.js';
import { RemoteFetchModule } from '../../remote-fetch/index.js';
import { RequestTiming } from '../request-context.js';
import { SourceLoader, type LoadedSource } from '../sources/source-loader.js';
import { SourceRecords } from '../sources/source-records.js';
import { StoreWriter } from '../sources/store-writer.js';
import { NativeWork, type NativeOrder } from './native-work.js';

const ID = 'a'.repeat(22);
const KEY: ObjectKey = `uploads/${ID}`;
const BYTES = Buffer.from('the bytes of a picture');
const HEADER = {
  format: 'jpeg',
  width: 400,
  height: 300,
  pages: 1,
  channels: 3,
  bitsPerSample: 8,
  hasAlpha: false,
  progressive: false,
  orientation: 1,
  bytes: BYTES.length,
} as const;
const OPERATION = {
  outputWidth: 40,
  outputHeight: 30,
  pages: 1,
  format: 'webp',
  lossless: false,
  outputAlpha: false,
  optimiseCoding: true,
  palette: false,
  rotation: 'none',
  trim: false,
} as const;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Work that goes on until the test ends it, as libvips does. */
function nativeWork<T>(): {
  readonly inputs: (Buffer | string)[];
  readonly work: (input: Buffer | string) => Promise<T>;
  readonly end: (value: T) => void;
  readonly fail: (error: Error) => void;
} {
  let end = (_value: T): void => undefined;
  let fail = (_error: Error): void => undefined;
  const settled = new Promise<T>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const inputs: (Buffer | string)[] = [];
  const work = (input: Buffer | string): Promise<T> => {
    inputs.push(input);
    return settled;
  };
  return { inputs, work, end: (value) => end(value), fail: (error) => fail(error) };
}

describe('NativeWork', () => {
  let rooms: MemoryRooms;
  let native: NativeWork;
  let loaded: LoadedSource;
  let controller: AbortController;

  beforeEach(async () => {
    rooms = await startMemoryRooms(
      { IMAGE_TIMEOUT_MS: '30s', IMAGE_JOBS: '1' },
      { imports: [RemoteFetchModule], providers: [NativeWork, SourceLoader, SourceRecords, StoreWriter] },
    );
    native = rooms.get(NativeWork);
    controller = new AbortController();
    const info = await rooms.store.put(KEY, BYTES, { contentType: 'image/jpeg' });
    const facts = {
      header: HEADER,
      freshUntil: Number.MAX_SAFE_INTEGER,
      staleUntil: Number.MAX_SAFE_INTEGER,
    };
    loaded = { record: rooms.get(SourceRecords).adopt(info, facts), stale: false };
  });

  afterEach(async () => {
    await turn();
    const { ledger } = rooms.memory.snapshot();
    expect(ledger).toMatchObject({ leases: 0, zombies: 0, reservedBytes: 0, drift: { bytes: 0, events: 0 } });
    // Each lease was given back, and given back once.
    expect(ledger.counts.released).toBe(ledger.counts.granted);
    expect(rooms.operations.summary()).toMatchObject({ running: 0, detached: 0, lingering: 0 });
    expect(rooms.store.snapshot()).toMatchObject({ pinned: 0, openStreams: 0, openSpools: 0 });
    await rooms.close();
    expect(rooms.clock.pendingTimers).toBe(0);
  });

  const order = (changes: Partial<NativeOrder> = {}): NativeOrder => ({
    name: 'image.transform',
    source: { kind: 'upload', id: ID },
    loaded,
    operation: OPERATION,
    class: 'interactive',
    signal: controller.signal,
    timing: new RequestTiming(),
    ...changes,
  });

  const held = (): object => {
    const { leases, zombies } = rooms.memory.metrics();
    return { leases, zombies, pinned: rooms.store.snapshot().pinned };
  };

  /** Until the work has begun: the store answers through the threadpool. */
  const begun = async ({ inputs }: { readonly inputs: readonly unknown[] }): Promise<void> => {
    while (inputs.length === 0) await turn();
  };

  it('hands over the stored file, pinned and under a lease, and gives both back at the end', async () => {
    const job = nativeWork<string>();
    const running = native.run(order(), job.work);
    await begun(job);

    expect(held()).toEqual({ leases: 1, zombies: 0, pinned: 1 });
    expect(rooms.memory.metrics().reservedBytes).toBe(native.estimate(HEADER, OPERATION));
    expect(await readFile(String(job.inputs[0]))).toEqual(BYTES);
    job.end('made');

    expect(await running).toBe('made');
    expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
  });

  it('uses the bytes that were just fetched when the lease is there at once', async () => {
    const job = nativeWork<string>();
    const running = native.run(order({ loaded: { ...loaded, bytes: BYTES } }), job.work);
    await begun(job);

    expect(job.inputs).toEqual([BYTES]);
    expect(held()).toEqual({ leases: 1, zombies: 0, pinned: 0 });
    job.end('made');
    await running;
  });

  it('waits with the source on disk when it has to wait for its turn', async () => {
    const blocker = await rooms.memory.reserve({
      bytes: 1_000,
      class: 'interactive',
      label: 'the only job that may run',
      job: true,
    });
    const job = nativeWork<string>();
    const timing = new RequestTiming();
    const running = native.run(order({ loaded: { ...loaded, bytes: BYTES }, timing }), job.work);
    await turn();
    expect([job.inputs, rooms.memory.metrics().waiting]).toEqual([[], 1]);

    rooms.clock.advance(100);
    blocker.release();
    await begun(job);

    expect(job.inputs[0]).toEqual(expect.stringContaining('objects/uploads'));
    job.end('made');
    await running;
    expect(timing.toHeader()).toContain('queue;dur=100.0');
  });

  it.each<[string, () => Promise<never>]>([
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws at once',
      () => {
        throw new Error('broken');
      },
    ],
  ])('gives everything back when the work %s', async (_what, work) => {
    await expect(native.run(order(), work)).rejects.toThrow('broken');

    expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
  });

  describe('when who waits leaves before the work has ended', () => {
    it('keeps lease and file as long as the work goes on after a timeout', async () => {
      const job = nativeWork<string>();
      const running = native.run(order(), job.work);
      const refused = expect(running).rejects.toBeInstanceOf(OperationTimeoutError);
      await begun(job);

      rooms.clock.advance(30_000);
      await refused;

      expect(held()).toEqual({ leases: 1, zombies: 1, pinned: 1 });
      expect(rooms.operations.summary().detached).toBe(1);
      job.end('too late');
      await turn();
      expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
    });

    it('does the same when the client has gone', async () => {
      const job = nativeWork<string>();
      const running = native.run(order(), job.work);
      const refused = expect(running).rejects.toBeInstanceOf(AbortedError);
      await begun(job);

      controller.abort();
      await refused;

      expect(held()).toEqual({ leases: 1, zombies: 1, pinned: 1 });
      job.end('for nobody');
      await turn();
      expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
    });

    it('troubles nobody when the work fails then, but counts it', async () => {
      const job = nativeWork<string>();
      const running = native.run(order(), job.work);
      const refused = expect(running).rejects.toBeInstanceOf(AbortedError);
      await begun(job);
      controller.abort();
      await refused;

      job.fail(new Error('broken'));
      await turn();

      expect(rooms.operations.summary().lateFailures).toBe(1);
    });
  });

  it('starts nothing for a client that has gone before', async () => {
    const job = nativeWork<string>();
    controller.abort();

    await expect(native.run(order(), job.work)).rejects.toBeInstanceOf(AbortedError);

    expect(job.inputs).toEqual([]);
    expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
  });

  it('starts nothing for a client that goes while its source is being opened', async () => {
    const job = nativeWork<string>();
    const running = native.run(order(), job.work);
    const refused = expect(running).rejects.toBeInstanceOf(AbortedError);

    controller.abort();
    await refused;

    expect(job.inputs).toEqual([]);
    expect(held()).toEqual({ leases: 0, zombies: 0, pinned: 0 });
  });

  it('gives the lease back when the source is gone', async () => {
    const job = nativeWork<string>();
    await rooms.store.delete(KEY);

    await expect(native.run(order(), job.work)).rejects.toMatchObject({ code: 'image-not-found' });

    expect(job.inputs).toEqual([]);
  });

  it('asks the memory line before it opens anything', async () => {
    const job = nativeWork<string>();
    rooms.sampleAt(83);

    await expect(native.run(order(), job.work)).rejects.toBeInstanceOf(MemoryPressureError);

    expect(job.inputs).toEqual([]);
    expect(rooms.memory.snapshot().ledger.counts.granted).toBe(0);
  });

  it('gives back a lease that was handed to it, whatever becomes of the work', async () => {
    const lease = await rooms.memory.reserve({
      bytes: 1_000,
      class: 'interactive',
      label: 'check',
      job: true,
    });

    await expect(
      native.runUnder(lease, 'image.check', controller.signal, () => Promise.reject(new Error('broken'))),
    ).rejects.toThrow('broken');

    expect(lease.released).toBe(true);
  });

  it('does not try a remote source again for a while that does not decode, and removes it', async () => {
    const url = 'http://a.example/torn.jpg';
    const source = { kind: 'remote', url } as const;
    const key: ObjectKey = `originals/${createHash('sha256').update(url).digest('hex')}`;
    const info = await rooms.store.put(key, BYTES, { contentType: 'image/jpeg' });
    const freshness = { freshUntil: rooms.clock.now() + 60_000, staleUntil: rooms.clock.now() + 60_000 };
    const record = rooms.get(SourceRecords).adopt(info, { header: HEADER, ...freshness });
    const torn = new PlimsollError('undecodable-image', 'The image is torn.');

    await expect(
      native.run(order({ source, loaded: { record, stale: false } }), () => Promise.reject(torn)),
    ).rejects.toBe(torn);

    expect(await rooms.store.head(key)).toBeNull();
    await expect(
      rooms.get(SourceLoader).load(source, controller.signal, new RequestTiming()),
    ).rejects.toMatchObject({ code: 'undecodable-image' });
  });

  it('keeps an upload that does not decode: it is not ours to throw away', async () => {
    const torn = new PlimsollError('undecodable-image', 'The image is torn.');

    await expect(native.run(order(), () => Promise.reject(torn))).rejects.toBe(torn);

    expect(await rooms.store.head(KEY)).not.toBeNull();
  });
});
