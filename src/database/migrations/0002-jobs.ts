import { sql } from 'kysely';
import { columnTypes } from './column-types.js';
import type { Migration } from './migration.js';

/** Background jobs and the bookkeeping of long ones. */
export const JOBS: Migration = {
  name: '0002-jobs',
  async up({ schema }, dialect) {
    const { text, integer } = columnTypes(dialect);

    await schema
      .createTable('jobs')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('payload', text, (column) => column.notNull())
      .addColumn('dedupe_key', text)
      .addColumn('state', text, (column) => column.notNull())
      .addColumn('priority', integer, (column) => column.notNull())
      .addColumn('attempts', integer, (column) => column.notNull())
      .addColumn('max_attempts', integer, (column) => column.notNull())
      .addColumn('run_at', integer, (column) => column.notNull())
      .addColumn('lease_owner', text)
      .addColumn('lease_until', integer)
      .addColumn('progress', text)
      .addColumn('result', text)
      .addColumn('error_code', text)
      .addColumn('error_message', text)
      .addColumn('created_at', integer, (column) => column.notNull())
      .addColumn('updated_at', integer, (column) => column.notNull())
      .addColumn('finished_at', integer)
      .execute();
    // Claiming: what waits, of a kind, the most urgent first …
    await schema
      .createIndex('jobs_waiting')
      .on('jobs')
      .columns(['kind', 'priority', 'run_at', 'id'])
      .where(sql.ref('state'), '=', sql.lit('waiting'))
      .execute();
    // … and when the next one of the kind is due.
    await schema
      .createIndex('jobs_due')
      .on('jobs')
      .columns(['kind', 'run_at'])
      .where(sql.ref('state'), '=', sql.lit('waiting'))
      .execute();
    await schema
      .createIndex('jobs_dedupe')
      .unique()
      .on('jobs')
      .columns(['dedupe_key'])
      .where(sql.ref('state'), 'in', [sql.lit('waiting'), sql.lit('running')])
      .execute();
    // Lists: newest first, which is the order of the ids.
    await schema.createIndex('jobs_by_kind').on('jobs').columns(['kind', 'id']).execute();
    // By state also to find what was interrupted: few run at any time.
    await schema.createIndex('jobs_by_state').on('jobs').columns(['state', 'id']).execute();
    await schema.createIndex('jobs_by_both').on('jobs').columns(['kind', 'state', 'id']).execute();
    await schema.createIndex('jobs_counted').on('jobs').columns(['kind', 'state', 'finished_at']).execute();

    await schema
      .createTable('state')
      .addColumn('name', text, (column) => column.primaryKey().notNull())
      .addColumn('value', text, (column) => column.notNull())
      .addColumn('updated_at', integer, (column) => column.notNull())
      .execute();
  },
};
