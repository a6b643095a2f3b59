import { sql } from 'kysely';
import { ANY_DOCUMENT } from '../query/facet.js';
import type { Alternative } from '../query/resolve-words.js';
import type { SearchDocument } from '../search-document.js';
import { FIELD_BOOSTS, SEARCH_FIELDS } from '../search-fields.js';
import type { CandidateOptions, FullText, FullTextQuery, FullTextRow } from './full-text.js';
import type { SearchQueries } from './search-tables.js';

/** Of the columns in their order; facets are found, not scored. */
const WEIGHTS = sql.raw([...SEARCH_FIELDS.map((field) => FIELD_BOOSTS[field]), 0].join(', '));

/** FTS5. Lists of values travel as one JSON parameter, so that a statement is compiled once, whatever their number. */
export class SqliteFullText implements FullText {
  readonly name = 'sqlite-fts';

  async count(queries: SearchQueries, token: string, isBeginning: boolean, atMost: number): Promise<number> {
    const match = isBeginning ? beginning(token) : quoted(token);
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from (select 1 from search_words where search_words match ${match} limit ${atMost})
    `.execute(queries);
    return rows[0]?.count ?? 0;
  }

  async candidates(
    queries: SearchQueries,
    query: FullTextQuery,
    { atMost, isScored, withTitle }: CandidateOptions,
  ): Promise<readonly FullTextRow[]> {
    const score = isScored ? sql`-bm25(search_words, ${WEIGHTS})` : sql`0.0`;
    const titles = withTitle ? sql`left join bookmarks b on b.id = d.bookmark_id` : sql``;
    const { rows } = await sql<FullTextRow>`
      select d.bookmark_id as id, d.created_at, d.modified_at, found.score,
        ${withTitle ? sql`b.title_key` : sql`null`} as title_key
      from (
        select rowid as doc, ${score} as score from search_words
        where search_words match ${expression(query)} order by rowid desc limit ${atMost}
      ) found
      join search_documents d on d.doc = found.doc ${titles}
    `.execute(queries);
    return rows;
  }

  async write(queries: SearchQueries, documents: readonly SearchDocument[]): Promise<void> {
    const rows = documents.map(({ id, digest, createdAt, modifiedAt }) => [
      id,
      digest,
      createdAt,
      modifiedAt,
    ]);
    const { rows: numbered } = await sql<{ doc: number; bookmark_id: string }>`
      insert into search_documents (bookmark_id, digest, created_at, modified_at)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each(${JSON.stringify(rows)}) where true
      on conflict (bookmark_id) do update set
        digest = excluded.digest, created_at = excluded.created_at, modified_at = excluded.modified_at
      returning doc, bookmark_id
    `.execute(queries);
    const docs = new Map(numbered.map(({ doc, bookmark_id }) => [bookmark_id, doc]));
    await this.forgetWords(queries, [...docs.values()]);
    const words = documents.map(({ id, fields, facets }) => [
      docs.get(id),
      ...SEARCH_FIELDS.map((field) => fields[field].join(' ')),
      facets.join(' '),
    ]);
    await sql`
      insert into search_words (rowid, title, tags, host, note, description, facets)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
      from json_each(${JSON.stringify(words)})
    `.execute(queries);
  }

  async remove(queries: SearchQueries, ids: readonly string[]): Promise<void> {
    const { rows } = await sql<{ doc: number }>`
      delete from search_documents where bookmark_id in (select value from json_each(${JSON.stringify(ids)}))
      returning doc
    `.execute(queries);
    await this.forgetWords(
      queries,
      rows.map(({ doc }) => doc),
    );
  }

  async clear(queries: SearchQueries): Promise<void> {
    await sql`insert into search_words (search_words) values ('delete-all')`.execute(queries);
    await sql`delete from search_documents`.execute(queries);
    await sql`delete from search_terms`.execute(queries);
  }

  private async forgetWords(queries: SearchQueries, docs: readonly number[]): Promise<void> {
    if (docs.length === 0) return;
    await sql`
      delete from search_words where rowid in (select value from json_each(${JSON.stringify(docs)}))
    `.execute(queries);
  }
}

/** Every token quoted: nothing that a user types is syntax. */
const quoted = (token: string): string => `"${token.replaceAll('"', '""')}"`;
const beginning = (token: string): string => `${quoted(token)} *`;

const anyOf = (alternatives: readonly string[]): string => `(${alternatives.join(' OR ')})`;

function expression({ words, sequences, facets, periods, excluded }: FullTextQuery): string {
  const all = [
    ...words.map((alternatives) => anyOf(alternatives.map(alternative))),
    ...sequences.map((tokens) => quoted(tokens.join(' '))),
    ...facets.map(quoted),
    ...(periods === null ? [] : [anyOf(periods.map(quoted))]),
  ];
  if (all.length === 0) all.push(quoted(ANY_DOCUMENT));
  const wanted = all.join(' AND ');
  return excluded.length === 0 ? wanted : `(${wanted}) NOT ${anyOf(excluded.map(quoted))}`;
}

const alternative = ({ token, isBeginning }: Alternative): string =>
  isBeginning ? beginning(token) : quoted(token);
