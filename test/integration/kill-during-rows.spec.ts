import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';
import { FakeClock } from '../support/fake-clock.js';
import { openTestDatabase } from '../support/test-database.js';
import { SqlBookmarkStore } from '../../src/bookmarks/repository/sql-bookmark-store.js';

/** Kills between single statements; `kill-during-writes` kills the whole server. */
const KILLS = 12;

/** Lines after which a process is killed: from the first statements to some thousands of rows. */
const linesBefore = (round: number): number => 1 + ((round * 37) % 90);

describe('SqlBookmarkStore when its process is killed', () => {
  let sources: CompiledSources;
  let dataDir: string;

  beforeAll(async () => {
    sources = await compileSources(['src', 'test/support']);
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-rows-'));
  });

  afterAll(async () => {
    await rm(dataDir, { recursive: true, force: true });
    await sources.remove();
  });

  /** @returns what it acknowledged until it was killed */
  const killed = async (round: number): Promise<string[]> => {
    const program = sources.file('src/bookmarks/repository/store-process.fixture.ts');
    const child = spawn(process.execPath, [program, dataDir, `r${round}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      if (said.length === linesBefore(round)) child.kill('SIGKILL');
    }
    await exit;
    return said;
  };

  it(`loses nothing that was acknowledged and writes nothing by halves, ${KILLS} times`, async () => {
    const said = new Set<string>();
    for (let round = 0; round < KILLS; round++) for (const line of await killed(round)) said.add(line);

    const { database, close } = await openTestDatabase({ dataDir, clock: new FakeClock() });
    const store = new SqlBookmarkStore(database, new FakeClock());
    const of = (word: string): string[] =>
      [...said].filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

    // What is in the table of chunks came with all of its bookmarks; every chunk that was told is there.
    const chunks = (await database.queries.selectFrom('state').select('name').execute()).map(
      ({ name }) => name,
    );
    expect(of('chunk').filter((name) => !chunks.includes(name))).toEqual([]);
    expect(of('chunk').length).toBeGreaterThan(KILLS);
    for (const name of chunks) expect(await store.count({ tags: [name] })).toBe(120);
    expect(await store.count({ tags: ['all'] })).toBe(120 * chunks.length);

    // What was removed is gone and has its tombstone, what was edited is edited, what was created is there.
    const tombs = new Set(
      (await database.queries.selectFrom('tombstones').select('bookmark_id').execute()).map(
        (row) => row.bookmark_id,
      ),
    );
    const removing = new Set(of('removing'));
    const edited = new Set(of('edited'));
    for (const id of of('removed')) expect([await store.find(id), tombs.has(id)]).toEqual([null, true]);
    for (const bookmark of await store.findMany([...edited])) expect(bookmark.note).toBe('edited');
    for (const id of of('created')) {
      const isGone = removing.has(id) && tombs.has(id);
      expect((await store.find(id)) === null).toBe(isGone);
    }

    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(database.queries);
    expect(rows).toEqual([{ integrity_check: 'ok' }]);
    expect((await sql`pragma foreign_key_check`.execute(database.queries)).rows).toEqual([]);
    await close();
  }, 180_000);
});
