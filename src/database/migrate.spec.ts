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
  const open = async (readOnly = false): Promise<Engine> => {
    const engine = await openSqlite({ folder, readOnly, pageCacheBytes: 1_048_576, clock: new FakeClock() });
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
    const engine = await open();

    expect(await migrate(engine, [makes('0001-a', 'a')], 5)).toBe('0001-a');
    expect(await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 6)).toBe('0002-b');
    expect(await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 7)).toBe('0002-b');

    expect(tables()).toEqual(['a', 'b', 'schema_migrations']);
  });

  it('leaves the old schema whole when a step fails', async () => {
    const engine = await open();
    await migrate(engine, [makes('0001-a', 'a')], 5);
    const steps = [makes('0001-a', 'a'), makes('0002-b', 'b'), makes('0003-again', 'a')];

    await expect(migrate(engine, steps, 6)).rejects.toMatchObject({
      message: expect.stringMatching(/already exists/) as unknown,
    });

    expect(tables()).toEqual(['a', 'schema_migrations']);
  });

  it('refuses a schema that is newer', async () => {
    const engine = await open();
    await migrate(engine, [makes('0001-a', 'a'), makes('0002-b', 'b')], 5);

    await expect(migrate(engine, [makes('0001-a', 'a')], 6)).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [
        'DATA_DIR leads to a database of a newer version (its schema has "0002-b"); start that version, or restore a backup made before it.',
      ],
    });
  });

  it('refuses to write an older schema forward when nothing may be written', async () => {
    await migrate(await open(), [makes('0001-a', 'a')], 5);

    const reader = await open(true);
    await expect(migrate(reader, [makes('0001-a', 'a'), makes('0002-b', 'b')], 6)).rejects.toMatchObject({
      name: 'SettingsError',
      problems: [
        'READ_ONLY cannot be on: the database in DATA_DIR has the schema of an older version; start once without READ_ONLY.',
      ],
    });
    expect(await migrate(reader, [makes('0001-a', 'a')], 6)).toBe('0001-a');
  });

  it('waits for another start on the same folder, whatever the clock of the server says', async () => {
    const clock = new FakeClock();
    const opened = await Promise.all([1, 2, 3].map(() => openTestDatabase({ clock, dataDir: folder })));

    for (const { database, close } of opened) {
      expect(database.snapshot().schemaVersion).toBe(MIGRATIONS.at(-1)?.name);
      await close();
    }
  });

  it('starts with an empty database when nothing may be written and there is none', async () => {
    const engine = await open(true);

    await migrate(engine, MIGRATIONS, 5);

    expect(await engine.kysely.selectFrom('bookmarks').selectAll().execute()).toEqual([]);
  });
});
