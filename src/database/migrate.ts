import { sql, type Kysely, type Transaction } from 'kysely';
import { SettingsError } from '../config/index.js';
import type { Dialect } from './database.js';
import type { Engine } from './engine.js';
import { columnTypes } from './migrations/column-types.js';
import type { Migration } from './migrations/migration.js';
import type { Tables } from './tables.js';

/** Chosen; any number that no other program takes for its own advisory lock. */
const POSTGRES_LOCK = 7_236_019_481;

interface MigrationTables extends Tables {
  schema_migrations: { readonly name: string; readonly applied_at: number };
}

/**
 * Brings the schema up to the last of `migrations`, in one transaction: a crash leaves the old schema whole. Other
 * processes that start meanwhile wait for it (SQLite: the write lock, PostgreSQL: an advisory lock).
 *
 * @param now epoch ms, noted beside each step
 * @returns name of the newest step
 * @throws SettingsError when the schema is newer than `migrations`, or older or none and the engine is read-only
 */
export async function migrate(
  engine: Engine,
  migrations: readonly Migration[],
  now: number,
): Promise<string> {
  const kysely = engine.kysely as unknown as Kysely<MigrationTables>;
  const applied = await appliedMigrations(kysely, engine.dialect);
  assertKnown(engine, applied, migrations);
  const newest = migrations.at(-1)?.name ?? '';
  if (applied.has(newest)) return newest;
  if (engine.readOnly && engine.seal === undefined) {
    const what = applied.size === 0 ? 'is empty' : 'has the schema of an older version';
    throw new SettingsError([
      `READ_ONLY cannot be on: the database in ${engine.setting} ${what}; start once without READ_ONLY.`,
    ]);
  }
  await kysely.transaction().execute(async (queries) => {
    if (engine.dialect === 'postgres')
      await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_LOCK)})`.execute(queries);
    await createTable(queries, engine);
    // Read again under the lock: another process may have been faster, and newer.
    const done = await appliedMigrations(queries, engine.dialect);
    assertKnown(engine, done, migrations);
    for (const migration of migrations) {
      const { name } = migration;
      if (done.has(name)) continue;
      await migration.up(queries as unknown as Transaction<Tables>, engine.dialect);
      await queries.insertInto('schema_migrations').values({ name, applied_at: now }).execute();
    }
  });
  engine.seal?.();
  return newest;
}

function createTable(queries: Kysely<MigrationTables>, { dialect }: Engine): Promise<void> {
  const { text, integer } = columnTypes(dialect);
  return queries.schema
    .createTable('schema_migrations')
    .ifNotExists()
    .addColumn('name', text, (column) => column.primaryKey().notNull())
    .addColumn('applied_at', integer, (column) => column.notNull())
    .execute();
}

async function appliedMigrations(
  queries: Kysely<MigrationTables>,
  dialect: Dialect,
): Promise<ReadonlySet<string>> {
  const table =
    dialect === 'sqlite'
      ? sql<{
          name: string | null;
        }>`select max(name) as name from sqlite_master where name = 'schema_migrations'`
      : sql<{ name: string | null }>`select to_regclass('schema_migrations')::text as name`;
  if (((await table.execute(queries)).rows[0]?.name ?? null) === null) return new Set();
  const rows = await queries.selectFrom('schema_migrations').select('name').execute();
  return new Set(rows.map(({ name }) => name));
}

function assertKnown(engine: Engine, applied: ReadonlySet<string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...applied]
    .filter((name) => !known.has(name))
    .sort()
    .at(-1);
  if (unknown === undefined) return;
  throw new SettingsError([
    `${engine.setting} leads to a database of a newer version (its schema has "${unknown}"); start that version, or restore a backup made before it.`,
  ]);
}
