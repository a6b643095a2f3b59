import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '../../clock/index.js';
import type { Engine } from '../engine.js';
import { CheckpointThread } from './checkpoint-thread.js';
import { openSqlite } from './open-sqlite.js';

const MIB = 1024 ** 2;

describe('the write-ahead log', () => {
  let folder: string;
  let engine: Engine;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-log-'));
    engine = await openSqlite({ folder, readOnly: false, pageCacheBytes: MIB, clock: new SystemClock() });
    await sql`create table t (text text)`.execute(engine.kysely);
  });

  afterEach(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  const write = (bytes: number): Promise<unknown> =>
    sql`insert into t values (${'x'.repeat(bytes)})`.execute(engine.kysely);
  const logBytes = async (): Promise<number> => (await stat(join(folder, 'plimsoll.db-wal'))).size;

  it('is copied into the file and cut while writers go on, and loses nothing', async () => {
    let largest = 0;
    let cuts = 0;
    let before = 0;
    for (let number = 0; number < 120; number++) {
      await write(MIB / 2);
      const bytes = await logBytes();
      if (bytes < before) cuts++;
      largest = Math.max(largest, bytes);
      before = bytes;
    }

    expect(cuts).toBeGreaterThan(1);
    expect(largest).toBeLessThan(60 * MIB);
    const { rows } = await sql<{
      n: number;
    }>`select count(*) as n from t where length(text) = ${MIB / 2}`.execute(engine.kysely);
    expect(rows).toEqual([{ n: 120 }]);
  });

  it('keeps the process alive while it is shortened, and no longer', async () => {
    const ports = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length;
    const before = ports();
    const thread = new CheckpointThread(join(folder, 'plimsoll.db'));
    await thread.run('passive');
    expect(ports()).toBe(before);

    const running = thread.run('passive');
    expect(ports()).toBe(before + 1);
    await running;
    expect(ports()).toBe(before);

    const closing = thread.close();
    expect(ports()).toBe(before + 1);
    await closing;
    expect(ports()).toBe(before);
  });

  it('is empty after a close, everything stands in the file', async () => {
    await write(5 * MIB);
    await engine.close();

    expect(await logBytes()).toBe(0);
    engine = await openSqlite({ folder, readOnly: false, pageCacheBytes: MIB, clock: new SystemClock() });
    expect((await sql<{ n: number }>`select count(*) as n from t`.execute(engine.kysely)).rows).toEqual([
      { n: 1 },
    ]);
  });
});
