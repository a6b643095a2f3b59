import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServerProcess } from '../support/server-process.js';

const TOKEN = 'an-admin-token-of-length';

/** A snapshot stops the server for seconds; a loaded machine takes its time. */
const PATIENCE_MS = 60_000;

describe('heap diagnosis of a real process', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-diagnosis-'));
  });

  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  const files = (): readonly string[] => {
    const folder = join(dataDir, 'diagnosis');
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.part')) : [];
  };

  async function firstFile(): Promise<string> {
    const deadline = performance.now() + PATIENCE_MS;
    while (files().length === 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(files()).toHaveLength(1);
    return join(dataDir, 'diagnosis', files()[0] ?? '');
  }

  it('writes a snapshot on SIGUSR2, and the server lives on; the admin route does the same', async () => {
    const server = await ServerProcess.start({
      DATA_DIR: dataDir,
      ADMIN_TOKEN: TOKEN,
      TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '2GiB',
    });
    try {
      process.kill(server.pid, 'SIGUSR2');
      const file = await firstFile();

      expect(file).toMatch(/\.heapsnapshot$/);
      expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
        snapshot: { meta: expect.any(Object) },
      });
      expect((await fetch(`${server.url}/livez`)).status).toBe(200);

      const answer = await fetch(`${server.url}/api/admin/heap-snapshots`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      const body = (await answer.json()) as { file: { name: string } };

      expect(answer.status).toBe(202);
      expect(files()).toContain(body.file.name);
    } finally {
      expect(await server.stop()).toBe(0);
    }
  }, 150_000);

  it('writes statistics where a snapshot would cross the line', async () => {
    const server = await ServerProcess.start({
      DATA_DIR: dataDir,
      TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '256MiB',
    });
    try {
      process.kill(server.pid, 'SIGUSR2');
      const file = await firstFile();

      expect(file).toMatch(/\.json$/);
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
        trigger: 'SIGUSR2',
        refusal: 'no-room',
      });
      expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    } finally {
      expect(await server.stop()).toBe(0);
    }
  }, 150_000);
});
