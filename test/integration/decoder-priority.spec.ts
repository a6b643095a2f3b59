import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServerProcess } from '../support/server-process.js';

const PHOTOGRAPH = fileURLToPath(new URL('../../examples/plimsoll.jpg', import.meta.url));
const MOST_PICTURES = 400;

interface Threads {
  readonly decoders: readonly number[];
  readonly others: readonly number[];
}

/** Nice values of a process' threads. */
function threadsOf(pid: number): Threads {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => ({
    decodes: readFileSync(`/proc/${pid}/task/${id}/comm`, 'latin1').trimEnd() === 'libvips worker',
    nice: getPriority(Number(id)),
  }));
  const niceOf = (wanted: boolean): number[] =>
    threads.filter(({ decodes }) => decodes === wanted).map(({ nice }) => nice);
  return { decoders: niceOf(true), others: niceOf(false) };
}

describe('threads of a real server that decodes', () => {
  let dataDir: string;
  let server: ServerProcess;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-nice-'));
  });

  afterEach(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = async (IMAGE_NICE: string): Promise<void> => {
    server = await ServerProcess.start({ DATA_DIR: dataDir, IMAGE_NICE, THROTTLE: 'off' });
  };

  /** Uploads, which are decoded, until the threads are as wanted; gives up after many. */
  async function decodeUntil(wanted: (threads: Threads) => boolean): Promise<Threads> {
    const body = await readFile(PHOTOGRAPH);
    let threads = threadsOf(server.pid);
    for (let i = 0; i < MOST_PICTURES && !wanted(threads); i++) {
      const answer = await fetch(`${server.url}/api/images`, {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg' },
        body,
      });
      expect(answer.status).toBe(201);
      threads = threadsOf(server.pid);
    }
    return threads;
  }

  it('stand back by IMAGE_NICE behind the one that answers', async () => {
    await start('7');

    const { decoders, others } = await decodeUntil((threads) => threads.decoders.includes(7));

    expect(decoders).toContain(7);
    expect(new Set(others)).toEqual(new Set([getPriority()]));
  });

  it('are left alone when IMAGE_NICE is 0', async () => {
    await start('0');
    let pictures = 0;

    const { decoders, others } = await decodeUntil(() => pictures++ === 40);

    expect(decoders.length).toBeGreaterThan(0);
    expect(new Set([...decoders, ...others])).toEqual(new Set([getPriority()]));
  });
});
