import { sql, type RawBuilder } from 'kysely';
import { ANY_DOCUMENT } from '../query/facet.js';
import type { Alternative, ResolvedWord } from '../query/resolve-words.js';
import type { SearchDocument } from '../search-document.js';
import type { SearchField } from '../search-fields.js';
import type { CandidateOptions, FullText, FullTextQuery, FullTextRow } from './full-text.js';
import type { SearchQueries } from './search-tables.js';

/** PostgreSQL knows four weights; a note weighs like a description. In the order D, C, B, A, the largest being 1. */
const WEIGHTS = sql.raw(`'{0.25, 0.5, 0.75, 1}'::real[]`);

/** Label of each field, the longest fields last: positions end at 16 383. */
const LABELS: readonly (readonly [SearchField, string])[] = [
  ['title', 'A'],
  ['tags', 'B'],
  ['host', 'C'],
  ['description', 'D'],
  ['note', 'D'],
];
const MAX_POSITION = 16_383;
/** More positions of one lexeme are not kept. */
const MAX_POSITIONS = 255;

/** `tsvector` and GIN. Vectors and queries are written out, so that no dictionary changes a word and no word is syntax. */
export class PostgresFullText implements FullText {
  readonly name = 'postgres';

  async count(queries: SearchQueries, token: string, isBeginning: boolean, atMost: number): Promise<number> {
    const match = isBeginning ? beginning(token) : quoted(token);
    const { rows } = await sql<{ count: number }>`
      select count(*) as count
      from (select 1 from search_documents where words @@ ${match}::text::tsquery limit ${atMost}) found
    `.execute(queries);
    return rows[0]?.count ?? 0;
  }

  async candidates(
    queries: SearchQueries,
    query: FullTextQuery,
    { atMost, isScored, withTitle }: CandidateOptions,
  ): Promise<readonly FullTextRow[]> {
    const score = isScored ? scoreOf(query.words) : sql`0::float8`;
    const titles = withTitle ? sql`left join bookmarks b on b.id = d.bookmark_id` : sql``;
    const { rows } = await sql<FullTextRow>`
      select d.bookmark_id as id, d.created_at, d.modified_at, ${score} as score,
        ${withTitle ? sql`b.title_key` : sql`null`} as title_key
      from (
        select * from search_documents where words @@ ${expression(query)}::text::tsquery
          and created_at < ${query.before ?? Number.MAX_SAFE_INTEGER} and created_at > ${query.after ?? Number.MIN_SAFE_INTEGER}
        order by doc desc limit ${atMost}
      ) d ${titles}
    `.execute(queries);
    return rows;
  }

  async write(queries: SearchQueries, documents: readonly SearchDocument[]): Promise<void> {
    const rows = documents.map((document) => ({
      id: document.id,
      digest: document.digest,
      created: document.createdAt,
      modified: document.modifiedAt,
      words: vector(document),
    }));
    await sql`
      insert into search_documents (bookmark_id, digest, created_at, modified_at, words)
      select id, digest, created, modified, words::tsvector
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        as r(id text, digest text, created bigint, modified bigint, words text)
      on conflict (bookmark_id) do update set
        digest = excluded.digest, created_at = excluded.created_at, modified_at = excluded.modified_at,
        words = excluded.words
    `.execute(queries);
  }

  async remove(queries: SearchQueries, ids: readonly string[]): Promise<void> {
    await sql`delete from search_documents where bookmark_id = any(${ids}::text[])`.execute(queries);
  }

  async clear(queries: SearchQueries): Promise<void> {
    await sql`delete from search_documents`.execute(queries);
    await sql`delete from search_terms`.execute(queries);
  }
}

/**
 * What a row is worth: of each alternative by its weight. As one query they would count alike, and the beginning of a word
 * as much as the word: `ts_rank` takes operands of the same letters for one.
 */
function scoreOf(words: readonly ResolvedWord[]): RawBuilder<number> {
  const scores = words
    .flat()
    .map(
      (one) =>
        sql`${one.weight}::float8 * ts_rank(${WEIGHTS}, d.words, ${alternative(one)}::text::tsquery, 1)`,
    );
  return scores.length === 0 ? sql`0::float8` : sql`(${sql.join(scores, sql` + `)})::float8`;
}

/** As lexemes are written, for vectors and queries alike. */
const quoted = (token: string): string => `'${token.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const beginning = (token: string): string => `${quoted(token)}:*`;

const joined = (parts: readonly string[], operator: string): string => `(${parts.join(` ${operator} `)})`;

function expression({ words, sequences, facets, periods, excluded }: FullTextQuery): string {
  const all = [
    ...words.map((alternatives) => joined(alternatives.map(alternative), '|')),
    ...sequences.map((tokens) => joined(tokens.map(quoted), '<->')),
    ...facets.map(quoted),
    ...(periods === null ? [] : [joined(periods.map(quoted), '|')]),
    ...excluded.map((token) => `!${quoted(token)}`),
  ];
  if (all.length === excluded.length) all.push(quoted(ANY_DOCUMENT));
  return all.join(' & ');
}

const alternative = ({ token, isBeginning }: Alternative): string =>
  isBeginning ? beginning(token) : quoted(token);

/** The words with their positions and weights, a gap between two fields, and the facets without. */
function vector({ fields, facets }: SearchDocument): string {
  const positions = new Map<string, string[]>();
  let at = 0;
  for (const [field, label] of LABELS) {
    at += 1;
    for (const token of fields[field]) {
      at += 1;
      const held = positions.get(token);
      const position = `${Math.min(at, MAX_POSITION)}${label}`;
      if (held === undefined) positions.set(token, [position]);
      else if (held.length < MAX_POSITIONS) held.push(position);
    }
  }
  const lexemes = [...positions].map(([token, places]) => `${quoted(token)}:${places.join(',')}`);
  return [...lexemes, ...facets.map(quoted)].join(' ');
}
