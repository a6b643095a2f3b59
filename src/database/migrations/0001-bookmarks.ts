import { sql } from 'kysely';
import { columnTypes } from './column-types.js';
import type { Migration } from './migration.js';

/** Bookmarks, tags, tombstones and the position of the change feed. */
export const BOOKMARKS: Migration = {
  name: '0001-bookmarks',
  async up(queries, dialect) {
    const { schema } = queries;
    const { text, integer } = columnTypes(dialect);

    await schema
      .createTable('bookmarks')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('url', text, (column) => column.notNull())
      .addColumn('normalised_url', text, (column) => column.notNull())
      .addColumn('url_key', text, (column) => column.notNull().unique())
      .addColumn('normaliser_version', integer, (column) => column.notNull())
      .addColumn('host', text, (column) => column.notNull())
      .addColumn('host_key', text, (column) => column.notNull())
      .addColumn('title', text)
      .addColumn('title_key', text, (column) => column.notNull())
      .addColumn('description', text)
      .addColumn('note', text)
      .addColumn('archived', integer, (column) => column.notNull())
      .addColumn('favourite', integer, (column) => column.notNull())
      .addColumn('fields', text, (column) => column.notNull())
      .addColumn('preview', text, (column) => column.notNull())
      .addColumn('http_status', integer)
      .addColumn('http_checked_at', integer)
      .addColumn('failing_since', integer)
      .addColumn('dead_since', integer)
      .addColumn('enrichment_state', text, (column) => column.notNull())
      .addColumn('enrichment_attempts', integer, (column) => column.notNull())
      .addColumn('enrichment_error', text)
      .addColumn('enrichment_at', integer)
      .addColumn('refresh_at', integer)
      .addColumn('external_id', text, (column) => column.unique())
      .addColumn('created_at', integer, (column) => column.notNull())
      .addColumn('modified_at', integer, (column) => column.notNull())
      .addColumn('revision', integer, (column) => column.notNull())
      .addColumn('change_seq', integer, (column) => column.notNull().unique())
      .execute();
    // Keyset pages: each index holds its order whole, ties included, and what a walk along it leaves rows out by; but nothing
    // that has a partial index below, which SQLite would pass over for these.
    const leftOutBy = ['archived', 'enrichment_state'] as const;
    await schema
      .createIndex('bookmarks_created')
      .on('bookmarks')
      .columns(['created_at', 'id', ...leftOutBy])
      .execute();
    await schema
      .createIndex('bookmarks_modified')
      .on('bookmarks')
      .columns(['modified_at', 'change_seq', 'id', 'created_at', ...leftOutBy])
      .execute();
    await schema
      .createIndex('bookmarks_title')
      .on('bookmarks')
      .columns(['title_key', 'id', 'created_at', ...leftOutBy])
      .execute();
    // Sets: counted, and fetched when they are small.
    await schema
      .createIndex('bookmarks_host')
      .on('bookmarks')
      .columns(['host_key', 'created_at', 'id'])
      .execute();
    await schema
      .createIndex('bookmarks_state')
      .on('bookmarks')
      .columns(['enrichment_state', 'created_at', 'id'])
      .execute();
    // Either half may be the small one: what is read, or what is not.
    await schema
      .createIndex('bookmarks_archived')
      .on('bookmarks')
      .columns(['archived', 'created_at', 'id'])
      .execute();
    // What is usually rare; an index over all rows would answer "no favourite" no better than the creation order.
    await schema
      .createIndex('bookmarks_favourite')
      .on('bookmarks')
      .columns(['created_at', 'id'])
      .where(sql.ref('favourite'), '=', sql.lit(1))
      .execute();
    await schema
      .createIndex('bookmarks_dead')
      .on('bookmarks')
      .columns(['created_at', 'id'])
      .where(sql.ref('dead_since'), 'is not', null)
      .execute();
    await schema
      .createIndex('bookmarks_refresh')
      .on('bookmarks')
      .columns(['refresh_at', 'id'])
      .where(sql.ref('refresh_at'), 'is not', null)
      .execute();

    await schema
      .createTable('tags')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('name', text, (column) => column.notNull())
      .addColumn('name_key', text, (column) => column.notNull().unique())
      .addColumn('created_at', integer, (column) => column.notNull())
      .execute();
    await schema
      .createTable('bookmark_tags')
      .addColumn('bookmark_id', text, (column) =>
        column.notNull().references('bookmarks.id').onDelete('cascade'),
      )
      .addColumn('tag_id', text, (column) => column.notNull().references('tags.id').onDelete('cascade'))
      .addPrimaryKeyConstraint('bookmark_tags_key', ['bookmark_id', 'tag_id'])
      // The key is the row: one tree instead of two.
      .$call((table) => (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table))
      .execute();
    await schema
      .createIndex('bookmark_tags_by_tag')
      .on('bookmark_tags')
      .columns(['tag_id', 'bookmark_id'])
      .execute();

    await schema
      .createTable('tombstones')
      .addColumn('bookmark_id', text, (column) => column.primaryKey().notNull())
      .addColumn('url_key', text, (column) => column.notNull())
      .addColumn('deleted_at', integer, (column) => column.notNull())
      .addColumn('change_seq', integer, (column) => column.notNull().unique())
      .execute();
    await schema
      .createIndex('tombstones_deleted')
      .on('tombstones')
      .columns(['deleted_at', 'change_seq'])
      .execute();

    await schema
      .createTable('counters')
      .addColumn('name', text, (column) => column.primaryKey().notNull())
      .addColumn('value', integer, (column) => column.notNull())
      .execute();
    await queries
      .insertInto('counters')
      .values([
        { name: 'change_seq', value: 0 },
        { name: 'modified_at', value: 0 },
      ])
      .execute();
  },
};
