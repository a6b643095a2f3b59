import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { DATABASE, type Database } from '../../../database/index.js';
import { ANY_DOCUMENT, facetToken, periodTokens } from '../query/facet.js';
import { matchedTerms, resolveWords, type ResolvedWord, type Vocabulary } from '../query/resolve-words.js';
import { hasWords, type SearchCriteria } from '../query/search-criteria.js';
import {
  comparePlaces,
  NO_MATCH,
  type EngineAnswer,
  type EngineHit,
  type EngineRequest,
  type SearchEngine,
  type SearchEngineName,
  type SearchSort,
} from '../search-engine.js';
import { isUnspaced } from '../text/tokens.js';
import { DatabaseIndex } from './database-index.js';
import type { FullTextQuery, FullTextRow } from './full-text.js';
import { searchQueries, type SearchQueries } from './search-tables.js';
import { similarTerms } from './search-terms.js';

/**
 * Of more matches than this only the newest are ranked: reading and scoring them all would hold the event loop for a
 * tenth of a second (500 000 rows, bench:search), and nobody turns to page fifty.
 */
const MAX_RANKED = 1_000;

/** Answers from FTS5 or PostgreSQL; always there. */
@Injectable()
export class DatabaseEngine implements SearchEngine {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly index: DatabaseIndex,
  ) {}

  get name(): SearchEngineName {
    return this.index.fullText.name;
  }

  async search(request: EngineRequest): Promise<EngineAnswer> {
    const { criteria, isLenient, sort } = request;
    const isUpToDate = await this.index.catchUp();
    const queries = searchQueries(this.database.queries);
    const words = await resolveWords(criteria, this.vocabulary(queries), isLenient);
    if (words === null) return { ...NO_MATCH, isApproximate: !isUpToDate };
    const rows = await this.index.fullText.candidates(queries, this.fullTextQuery(criteria, words), {
      atMost: MAX_RANKED,
      isScored: sort === 'relevance' && hasWords(criteria),
      withTitle: sort.endsWith('title'),
    });
    return answer(request, rows, isUpToDate, matchedTerms(words));
  }

  private vocabulary(queries: SearchQueries): Vocabulary {
    const { fullText } = this.index;
    return {
      count: (token, atMost) => fullText.count(queries, token, false, atMost),
      hasBeginning: async (token) => (await fullText.count(queries, token, true, 1)) > 0,
      similar: (word, typos) => similarTerms(queries, word, typos),
    };
  }

  private fullTextQuery(criteria: SearchCriteria, words: readonly ResolvedWord[]): FullTextQuery {
    const { phrases, excluded, required, forbidden, before, after } = criteria;
    const single = excluded.flatMap(({ text, words: [word, ...more] }) =>
      word !== undefined && more.length === 0 && word.token === text ? [text] : [],
    );
    const facets = required.map(facetToken);
    return {
      words,
      // Pairs of characters are checked on the row: their positions depend on where a run begins.
      sequences: phrases
        .filter(({ text, words: sequence }) => sequence.length > 1 && !isUnspaced(text))
        .map(({ words: sequence }) => sequence.map(({ token }) => token)),
      facets: words.length + facets.length === 0 ? [ANY_DOCUMENT] : facets,
      periods: periodTokens(after, before, this.clock.now()),
      before,
      after,
      excluded: [...single, ...forbidden.map(facetToken)],
    };
  }
}

function answer(
  { sort, count, after, skip }: EngineRequest,
  rows: readonly FullTextRow[],
  isUpToDate: boolean,
  matched: EngineAnswer['matched'],
): EngineAnswer {
  const isCut = rows.length >= MAX_RANKED;
  const hits = rows.map((row) => hit(row, sort)).sort((a, b) => comparePlaces(sort, a, b));
  const following = after === null ? hits : hits.filter((one) => comparePlaces(sort, one, after) > 0);
  const page = following.slice(skip, skip + count);
  return {
    hits: page,
    hasMore: following.length > skip + page.length,
    ...(isCut ? {} : { total: hits.length }),
    isApproximate: isCut || !isUpToDate,
    matched,
  };
}

function hit({ id, created_at, modified_at, score, title_key }: FullTextRow, sort: SearchSort): EngineHit {
  const rounded = Math.round(score * 1e6) / 1e6;
  const primary =
    sort === 'relevance'
      ? rounded
      : sort.endsWith('title')
        ? (title_key ?? '')
        : sort.endsWith('createdAt')
          ? created_at
          : modified_at;
  return { id, createdAt: created_at, primary, score: rounded };
}
