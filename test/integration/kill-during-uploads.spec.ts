import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noise } from '../support/pictures.js';
import { ServerProcess } from '../support/server-process.js';

const ROUNDS = 10;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A small, repeatable source of numbers from 0 to 1, so that a failing round can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('uploads when the server is killed', () => {
  let dataDir: string;
  let pictures: Buffer[];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-kill-'));
    pictures = await Promise.all([1, 2, 3, 4].map((seed) => noise(700, 500, seed)));
  });

  afterAll(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Uploads until the server is gone; returns what was answered 201. */
  async function uploadUntilDead(
    url: string,
    picture: Buffer,
    acknowledged: Map<string, string>,
    onAcknowledged: () => void,
  ): Promise<void> {
    for (;;) {
      try {
        const response = await fetch(`${url}/api/images`, {
          method: 'POST',
          headers: { 'content-type': 'image/jpeg' },
          body: new Uint8Array(picture),
        });
        const body = (await response.json()) as { id: string };
        if (response.status !== 201) throw new Error(`An upload was answered ${response.status}.`);
        acknowledged.set(body.id, sha256(picture));
        onAcknowledged();
      } catch {
        return;
      }
    }
  }

  it(`keeps every upload that was answered 201, whole, over ${ROUNDS} kills at random moments`, async () => {
    const random = seeded(20260101);
    const acknowledged = new Map<string, string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const server = await ServerProcess.start({ DATA_DIR: dataDir, THROTTLE: 'off', LOG_LEVEL: 'info' });
      const before = acknowledged.size;
      // The kill falls between acknowledgements: after a random number of them, then in the middle of the next.
      const quota = before + 1 + Math.floor(random() * 12);
      let uploaders: Promise<void>[] = [];
      await new Promise<void>((resolve) => {
        const count = (): void => void (acknowledged.size >= quota && resolve());
        uploaders = pictures.map((picture) => uploadUntilDead(server.url, picture, acknowledged, count));
      });
      await server.kill();
      await Promise.all(uploaders);
    }

    const server = await ServerProcess.start({ DATA_DIR: dataDir, THROTTLE: 'off' });
    try {
      expect(acknowledged.size).toBeGreaterThanOrEqual(ROUNDS);
      for (const [id, digest] of acknowledged) {
        const original = await fetch(`${server.url}/api/images/${id}?format=original`);
        expect({ id, status: original.status }).toEqual({ id, status: 200 });
        expect(sha256(new Uint8Array(await original.arrayBuffer()))).toBe(digest);
      }
    } finally {
      expect(await server.stop()).toBe(0);
    }
  }, 240_000);
});
