import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startMemoryRooms, type MemoryRooms } from '../../../test/support/memory-rooms.js';
import { MemorySampler } from '../../process-memory/index.js';
import { sharp } from '../sharp-engine.js';
import { DecoderPriority } from './decoder-priority.js';

const THREADS = '/proc/self/task';
const nameOf = (id: string): string => readFileSync(`${THREADS}/${id}/comm`, 'latin1').trimEnd();
const prioritiesOf = (wanted: (name: string) => boolean): number[] =>
  readdirSync(THREADS)
    .filter((id) => wanted(nameOf(id)))
    .map((id) => getPriority(Number(id)));
const isDecoder = (name: string): boolean => name === 'libvips worker';

/** Leaves threads of libvips behind, which it keeps for the next picture. */
const decodeSomething = async (): Promise<void> => {
  await sharp({ create: { width: 600, height: 400, channels: 3, background: '#357' } })
    .resize(60)
    .webp()
    .toBuffer();
};

(process.platform === 'linux' ? describe : describe.skip)('DecoderPriority', () => {
  let rooms: MemoryRooms;
  afterEach(() => rooms.close());

  const sampleWith = async (IMAGE_NICE: string): Promise<void> => {
    rooms = await startMemoryRooms({ IMAGE_NICE }, { providers: [DecoderPriority] });
    await decodeSomething();
    rooms.clock.advance(200);
    rooms.get(MemorySampler).sample();
  };

  // Nobody may raise a priority again: the untouched one comes first.
  it('leaves all threads alone when IMAGE_NICE is 0', async () => {
    const before = getPriority();
    await sampleWith('0');

    expect(new Set(prioritiesOf(() => true))).toEqual(new Set([before]));
  });

  it('gives the threads of libvips, and no others, the nice value of IMAGE_NICE', async () => {
    const before = getPriority();
    await sampleWith('7');

    const decoders = prioritiesOf(isDecoder);
    expect(decoders.length).toBeGreaterThan(0);
    expect(new Set(decoders)).toEqual(new Set([7]));
    expect(new Set(prioritiesOf((name) => !isDecoder(name)))).toEqual(new Set([before]));
  });

  it('stops with the server', async () => {
    await sampleWith('9');
    const sampler = rooms.get(MemorySampler);
    const lowered = prioritiesOf(isDecoder).length;
    rooms.get(DecoderPriority).beforeApplicationShutdown();
    await Promise.all([decodeSomething(), decodeSomething(), decodeSomething(), decodeSomething()]);
    rooms.clock.advance(200);
    sampler.sample();

    // New threads were needed for four at once, and nobody lowered them.
    const now = prioritiesOf(isDecoder);
    expect(now.length).toBeGreaterThan(lowered);
    expect(now.filter((nice) => nice !== 9).length).toBeGreaterThan(0);
  });
});
