import { sql } from 'kysely';
import { columnTypes } from './column-types.js';
import type { Migration } from './migration.js';

/**
 * Full text. The tables hold what `bookmarks/search` makes of the rows: folded words, pairs of characters for scripts
 * without spaces, parts of codes; the engines only split at spaces. It follows the change feed and notes its place in
 * `state`. Triggers could not: no engine makes these words, and a bookmark's tags are rows of their own, each of which
 * would write the whole document once more.
 */
export const SEARCH: Migration = {
  name: '0003-search',
  async up(queries, dialect) {
    const { text, integer } = columnTypes(dialect);
    const number = dialect === 'sqlite' ? integer : sql`bigint generated always as identity`;

    await queries.schema
      .createTable('search_documents')
      // Numbers of its own: SQLite may renumber the rows of a table without them when it copies the file.
      .addColumn('doc', number, (column) => column.primaryKey().notNull())
      .addColumn('bookmark_id', text, (column) => column.notNull().unique())
      .addColumn('digest', text, (column) => column.notNull())
      .addColumn('created_at', integer, (column) => column.notNull())
      .addColumn('modified_at', integer, (column) => column.notNull())
      .$call((table) =>
        dialect === 'sqlite' ? table : table.addColumn('words', sql`tsvector`, (column) => column.notNull()),
      )
      .execute();
    if (dialect === 'sqlite') {
      // No copy of the text; the words come folded, so that nothing is left to remove.
      await sql`
        create virtual table search_words using fts5(
          title, tags, host, note, description, facets,
          content = '', contentless_delete = 1, prefix = '2 3', tokenize = "unicode61 remove_diacritics 0"
        )`.execute(queries);
    } else {
      await queries.schema
        .createIndex('search_documents_words')
        .on('search_documents')
        .using('gin')
        .column('words')
        .execute();
    }

    // Every word once, also backwards: a mistyped one still begins or ends like what was meant.
    await queries.schema
      .createTable('search_terms')
      .addColumn('term', text, (column) => column.primaryKey().notNull())
      .addColumn('reversed', text, (column) => column.notNull())
      .$call((table) => (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table))
      .execute();
    await queries.schema
      .createIndex('search_terms_reversed')
      .on('search_terms')
      .columns(['reversed', 'term'])
      .execute();
  },
};
