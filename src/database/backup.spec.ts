import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import SqliteFile from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.js';
import { SystemClock } from '../clock/index.js';
import { loadSettings } from '../config/index.js';
import { readMachineMemory } from '../process-memory/index.js';
import { backupDatabase } from './backup.js';
import { runBackup } from './run-backup.js';

describe('backupDatabase', () => {
  let test: TestDatabase;
  let target: string;

  beforeEach(async () => {
    test = await openTestDatabase({ clock: new SystemClock() });
    await mkdir(join(test.dataDir, 'backups'));
    target = join(test.dataDir, 'backups', 'copy.db');
  });

  afterEach(() => test.close());

  const put = (name: string): Promise<unknown> =>
    test.database.queries.insertInto('state').values({ name, value: '1', updated_at: 0 }).execute();
  const rowsOf = (path: string): number => {
    const file = new SqliteFile(path, { readonly: true });
    const row = file.prepare<[], { n: number }>('select count(*) as n from state').get();
    file.close();
    return row?.n ?? -1;
  };
  const left = (): Promise<string[]> => readdir(join(test.dataDir, 'backups'));

  it('copies what is committed while the server runs, readable by its owner alone', async () => {
    await put('a');

    const { bytes, bookmarks } = await backupDatabase(test.dataDir, target);

    expect(bookmarks).toBe(0);
    const { size, mode } = await stat(target);
    expect([size, mode & 0o777]).toEqual([bytes, 0o600]);
    expect(rowsOf(target)).toBe(1);
    expect(await left()).toEqual(['copy.db']);
  });

  it('is of one moment while writers go on', async () => {
    let writing = true;
    let pairs = 0;
    const writer = (async () => {
      while (writing) {
        const pair = pairs++;
        await test.database.transaction(async (queries) => {
          for (const half of ['a', 'b']) {
            await queries
              .insertInto('state')
              .values({ name: `${pair}${half}`, value: 'x'.repeat(500), updated_at: 0 })
              .execute();
          }
        });
      }
    })();

    const counts: number[] = [];
    for (let number = 0; number < 5; number++) {
      await backupDatabase(test.dataDir, `${target}.${number}`);
      counts.push(rowsOf(`${target}.${number}`));
    }
    writing = false;
    await writer;

    expect(counts.map((count) => count % 2)).toEqual([0, 0, 0, 0, 0]);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });

  it('can be opened by a server', async () => {
    await put('a');
    const folder = join(test.dataDir, 'restored');
    await mkdir(folder);
    await backupDatabase(test.dataDir, join(folder, 'plimsoll.db'));

    const restored = await openTestDatabase({ dataDir: folder });
    expect(await restored.database.queries.selectFrom('state').select('name').execute()).toEqual([
      { name: 'a' },
    ]);

    await restored.close();
  });

  it('copies the file of a server that has ended', async () => {
    await put('a');
    await test.database.onApplicationShutdown();

    await backupDatabase(test.dataDir, target);

    expect(rowsOf(target)).toBe(1);
  });

  it('replaces no file', async () => {
    await writeFile(target, 'precious');

    await expect(backupDatabase(test.dataDir, target)).rejects.toMatchObject({
      message: 'No backup was made: the file exists already, and a backup never replaces one.',
    });
    expect((await stat(target)).size).toBe(8);
    expect(await left()).toEqual(['copy.db']);
  });

  it.each([
    [
      'the folder is missing',
      () => join(test.dataDir, 'nowhere', 'copy.db'),
      'the folder of the file does not exist',
    ],
    [
      'the folder is a file',
      () => join(test.dataDir, 'plimsoll.db', 'copy.db'),
      'the folder of the file does not exist',
    ],
    ['it is a folder', () => test.dataDir, 'that is a folder; name a new file in it'],
  ])('says so when %s', async (_what, path, reason) => {
    await expect(backupDatabase(test.dataDir, path())).rejects.toMatchObject({
      message: `No backup was made: ${reason}.`,
    });
  });

  it('says so when there is no database, or a damaged one', async () => {
    const folder = join(test.dataDir, 'other');
    await mkdir(folder);
    await expect(backupDatabase(folder, target)).rejects.toMatchObject({
      message: 'No backup was made: DATA_DIR holds no plimsoll.db.',
    });

    await writeFile(join(folder, 'plimsoll.db'), 'x'.repeat(9_000));
    await expect(backupDatabase(folder, target)).rejects.toMatchObject({
      message: 'No backup was made: its file is damaged.',
    });
    expect(await left()).toEqual([]);
  });

  describe('as a command', () => {
    const settingsWith = (environment: Record<string, string>) =>
      loadSettings(
        { DATA_DIR: test.dataDir, ...environment },
        { ...readMachineMemory(), containerLimitBytes: null },
      );

    it('says what it did', async () => {
      const { message, exitCode } = await runBackup(settingsWith({}), target);

      expect(exitCode).toBe(0);
      expect(message).toMatch(/^Backed up 0 bookmarks, \d+ bytes, to .*copy\.db\.$/);
      expect(await runBackup(settingsWith({}), target)).toMatchObject({ exitCode: 1 });
    });

    it('leaves PostgreSQL to its own tool', async () => {
      expect(await runBackup(settingsWith({ DATABASE_URL: 'postgres://u:p@127.0.0.1/x' }), target)).toEqual({
        message:
          'DATABASE_URL is set: back PostgreSQL up with its own pg_dump, which is consistent while the server runs.',
        exitCode: 1,
      });
    });
  });
});
