import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { openTestDatabase } from '../../test/support/test-database.js';
import type { Engine } from './engine.js';
import { migrate } from './migrate.js';
import type { Migration } from './migrations/migration.js';
import { MIGRATIONS } from './migrations/migration-list.js';
import { openSqlite } from './sqlite/open-sqlite.js';

const makes = (name: string, table: string): Migration => ({
  name,
  up: async ({ schema }) => {
    await schema.createTable(table).addColumn('id', 'integer').execute();
  },
});

describe('migrate', () => {
  let folder: string;
  const engines: Engine[] = [];
  const open = (readOnly = false): Engine => {
    const engine = openSqlite({ folder, readOnly, pageCacheBytes: 1_048_576, clock: new FakeClock() });
    engines.push(engine);
    return engine;
  };
  const tables = (): string[] => {
    const file = new SqliteFile(join(folder, 'plimsoll.db'), { readonly: true });
    const rows = file
      .prepare<[], { name: string }>("select name from sqlite_master where type = 'table' order by name")
      .all();
    file.close();
    return rows.map(({ name }) => name);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-migrate-'));
  });

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close();
    await rm(folder, { recursive: true });
  });

  it('names its steps in their order, each once', () => {
    const names = MIGRATIONS.map(({ name }) => name);

    expect(names).toEqual([...new Set(names)].sort());
    for (const name of names) expect(name).toMatch(/^\d{4}-[a-z-]+$/);
  });

  it('takes the steps that are missing, and none twice', async () => {
    const engine = open();

    expect(await migrate(engine, [makes('0001-a', 'a')], 5)).toBe('0001-a');
    expect(await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 6)).toBe('0002-b');
    expect(await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 7)).toBe('0002-b');

    expect(tables()).toEqual(['a', 'b', 'schema_migrations']);
  });

  it('leaves the old schema whole when a step fails', async () => {
    const engine = open();
    await migrate(engine, [makes('0001-a', 'a')], 5);
    const steps = [makes('0001-a', 'a'), makes('0002-b', 'b'), makes('0003-again', 'a')];

    await expect(migrate(engine, steps, 6)).rejects.toMatchObject({
      message: expect.stringMatching(/already exists/) as unknown,
    });

    expect(tables()).toEqual(['a', 'schema_migrations']);
  });

  it('refuses a schema that is newer', async () => {
    const engine = open();
    await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 5);

    await expect(migrate(engine, [makes('0001-a', 'a')], 6)).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [
        'DATA_DIR leads to a database of a newer version (its schema has "0002-b"); start that version, or restore a backup made before it.',
      ],
    });
  });

  it('refuses to write an older schema forward when nothing may be written', async () => {
    await migrate(open(), [makes('0001-a', 'a')], 5);

    await expect(migrate(open(true), [makes('0001-a', 'a'), makes('0002-b', 'b')], 6)).rejects.toMatchObject({
      name: 'SettingsError',
    });
    expect(await migrate(open(true), [makes('0001-a', 'a')], 6)).toBe('0001-a');
  });

  it('waits for another start on the same folder', async () => {
    const clock = new FakeClock();
    const [first, second] = [
      openTestDatabase({ clock, dataDir: folder }),
      openTestDatabase({ clock, dataDir: folder }),
    ];
    const both = Promise.all([first, second]);
    let done = false;
    both.then(
      () => (done = true),
      () => (done = true),
    );
    while (!done) await clock.advanceAsync(25);

    for (const { database, close } of await both) {
      expect(database.snapshot().schemaVersion).toBe(MIGRATIONS.at(-1)?.name);
      await close();
    }
  });

  it('starts with an empty database when nothing may be written and there is none', async () => {
    const engine = open(true);

    await migrate(engine, MIGRATIONS, 5);

    expect(await engine.kysely.selectFrom('bookmarks').selectAll().execute()).toEqual([]);
  });
});
