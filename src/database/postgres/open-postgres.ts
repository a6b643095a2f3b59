import { Logger } from '@nestjs/common';
import { Kysely, PostgresAdapter, PostgresDriver, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { Pool, types } from 'pg';
import type { Engine } from '../engine.js';
import type { Tables } from '../tables.js';
import { GuardedDriver } from './guarded-driver.js';

export interface PostgresOptions {
  readonly url: string;
  /** Most connections. */
  readonly poolSize: number;
  readonly readOnly: boolean;
  /** For steps of the schema, which take as long as they take. */
  readonly withoutTimeouts?: boolean;
}

/** A connection that is not there, or not free, within this time is an error, ms (chosen). */
const CONNECT_TIMEOUT_MS = 5_000;

/** The server cancels a statement after this, ms (chosen: the slowest of ours, a batch, takes under a second) … */
const STATEMENT_TIMEOUT_MS = 30_000;
/** … and this is for a server that does not even do that. */
const QUERY_TIMEOUT_MS = 35_000;
/** A transaction that nobody ends would hold its locks, ms. */
const IDLE_TRANSACTION_TIMEOUT_MS = 60_000;

/** `pg` reads these as text unless told otherwise: 2^53 is enough for every one of ours. */
const INT8_OID = 20;
const NUMERIC_OID = 1_700;

/** A pool of connections; none is opened yet. */
export function openPostgres({ url, poolSize, readOnly, withoutTimeouts }: PostgresOptions): Engine {
  const logger = new Logger('Database');
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    application_name: 'plimsoll',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(withoutTimeouts === true
      ? {}
      : { statement_timeout: STATEMENT_TIMEOUT_MS, query_timeout: QUERY_TIMEOUT_MS }),
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    types: { getTypeParser: parserOf },
    ...(readOnly ? { options: '-c default_transaction_read_only=on' } : {}),
  });
  // A connection that breaks while idle is replaced by the pool; one that breaks between two statements of a transaction
  // fails the next one. Unheard, either event would end the process.
  pool.on('error', (error) => logger.warn(`An idle connection to PostgreSQL broke: ${error.message}`));
  pool.on('connect', (client) => client.on('error', () => undefined));
  const driver = new GuardedDriver(new PostgresDriver({ pool }));
  const kysely = new Kysely<Tables>({
    dialect: {
      createDriver: () => driver,
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  return { dialect: 'postgres', setting: 'DATABASE_URL', kysely, readOnly, close: () => kysely.destroy() };
}

const parserOf: typeof types.getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === INT8_OID || oid === NUMERIC_OID
    ? Number
    : types.getTypeParser(oid, format as 'text')) as typeof types.getTypeParser;
