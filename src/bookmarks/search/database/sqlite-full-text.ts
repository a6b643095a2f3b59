import { sql, type RawBuilder } from 'kysely';
import { ANY_DOCUMENT } from '../query/facet.js';
import type { Alternative } from '../query/resolve-words.js';
import type { SearchDocument } from '../search-document.js';
import { FIELD_BOOSTS, SEARCH_FIELDS } from '../search-fields.js';
import type { CandidateOptions, FullText, FullTextQuery, FullTextRow } from './full-text.js';
import type { SearchQueries } from './search-tables.js';

/** Of the columns in their order; facets are found, not scored. */
const WEIGHTS = sql.raw([...SEARCH_FIELDS.map((field) => FIELD_BOOSTS[field]), 0].join(', '));

/** Matches whose dates one statement looks up: 5 ms (bench:search). */
const STRETCH_MATCHES = 5_000;

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
    options: CandidateOptions,
  ): Promise<readonly FullTextRow[]> {
    const match = expression(query);
    if (query.before === null && query.after === null) return await found(queries, match, sql``, options);
    // Dates stand in the other table: a stretch of matches at a time, so that no statement holds the event loop long.
    const dates = sql`
      and d.created_at < ${query.before ?? Number.MAX_SAFE_INTEGER} and d.created_at > ${query.after ?? Number.MIN_SAFE_INTEGER}`;
    const rows: FullTextRow[] = [];
    let below = Number.MAX_SAFE_INTEGER;
    for (let isLast = false; !isLast && rows.length < options.atMost;) {
      const stretch = await sql<{ count: number; lowest: number }>`
        select count(*) as count, coalesce(min(doc), 0) as lowest from (
          select rowid as doc from search_words
          where search_words match ${match} and rowid < ${below} order by rowid desc limit ${STRETCH_MATCHES}
        )
      `.execute(queries);
      const { count, lowest } = stretch.rows[0] as { count: number; lowest: number };
      const within = sql`and search_words.rowid >= ${lowest} and search_words.rowid < ${below} ${dates}`;
      const atMost = options.atMost - rows.length;
      rows.push(...(await found(queries, match, within, { ...options, atMost })));
      below = lowest;
      isLast = count < STRETCH_MATCHES;
    }
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

/** The newest matches; `condition` may speak of `search_words` and of `search_documents d`. */
async function found(
  queries: SearchQueries,
  match: string,
  condition: RawBuilder<unknown>,
  { atMost, isScored, withTitle }: CandidateOptions,
): Promise<readonly FullTextRow[]> {
  const score = isScored ? sql`-bm25(search_words, ${WEIGHTS})` : sql`0.0`;
  const titles = withTitle ? sql`left join bookmarks b on b.id = d.bookmark_id` : sql``;
  const { rows } = await sql<FullTextRow>`
    select d.bookmark_id as id, d.created_at, d.modified_at, ${score} as score,
      ${withTitle ? sql`b.title_key` : sql`null`} as title_key
    from search_words cross join search_documents d on d.doc = search_words.rowid ${titles}
    where search_words match ${match} ${condition}
    order by search_words.rowid desc limit ${atMost}
  `.execute(queries);
  return rows;
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
