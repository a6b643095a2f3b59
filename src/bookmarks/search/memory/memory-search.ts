import { ANY_DOCUMENT, facetToken } from '../query/facet.js';
import { matchedTerms, resolveWords, type Alternative } from '../query/resolve-words.js';
import type { SearchCriteria } from '../query/search-criteria.js';
import {
  comparePlaces,
  NO_MATCH,
  type EngineAnswer,
  type EngineRequest,
  type HitPlace,
  type SearchSort,
} from '../search-engine.js';
import type { CompactIndex } from './compact-index.js';
import { documentOf } from './posting.js';
import { TopHits } from './top-hits.js';
import { termScorer } from './term-scoring.js';

/** Of the marks: a document that must not be found. The steps, one per word and facet, stay far below it. */
const EXCLUDED = 255;

/** Scores are told apart to this; smaller differences come from the lengths of texts, and the newer one is better. */
const SCORE_STEPS = 1_000;

/** What all documents of a list must go through, one list or several as one. */
interface Step {
  readonly alternatives: readonly Alternative[];
  readonly isScored: boolean;
  /** Sum of the lengths of the lists. */
  readonly cost: number;
}

/** One search over a {@link CompactIndex}: intersects the lists, the shortest first, and scores what is left. */
export async function searchMemory(index: CompactIndex, request: EngineRequest): Promise<EngineAnswer> {
  const { criteria, isLenient } = request;
  const words = await resolveWords(criteria, index, isLenient);
  if (words === null) return NO_MATCH;
  // From here on nothing is awaited: numbers and lists are those of one moment.
  const steps = [
    ...words.map((alternatives) => step(index, expanded(index, alternatives), true)),
    ...criteria.required.map((facet) => step(index, [whole(facetToken(facet))], false)),
  ].sort((a, b) => a.cost - b.cost);
  if (steps.length === 0) steps.push(step(index, [whole(ANY_DOCUMENT)], false));
  const marks = new Uint8Array(index.documents.capacity);
  const scores = new Float32Array(index.documents.capacity);
  exclude(index, criteria, marks);
  steps.forEach((one, at) => run(index, one, at, marks, scores));
  const matches = collect(index, steps, criteria, marks);
  return answer(index, request, matches, scores, matchedTerms(words));
}

const whole = (token: string): Alternative => ({ token, isBeginning: false, weight: 1 });

/** A beginning as the tokens that begin so, each worth less the longer it goes on (MiniSearch's weights). */
function expanded(index: CompactIndex, alternatives: readonly Alternative[]): Alternative[] {
  return alternatives.flatMap((one) => {
    if (!one.isBeginning) return [one];
    return index.beginningWith(one.token).map((token) => ({
      token,
      isBeginning: false,
      weight: (one.weight * token.length) / (token.length + 0.3 * (token.length - one.token.length)),
    }));
  });
}

function step(index: CompactIndex, alternatives: readonly Alternative[], isScored: boolean): Step {
  const cost = alternatives.reduce((sum, { token }) => sum + index.listLength(token), 0);
  return { alternatives, isScored, cost };
}

/** A single excluded word is known to the index; an excluded phrase is left to the row. */
function exclude(index: CompactIndex, { forbidden, excluded }: SearchCriteria, marks: Uint8Array): void {
  const tokens = forbidden.map(facetToken);
  for (const { words, text } of excluded) {
    const [word] = words;
    if (words.length === 1 && word !== undefined && word.token === text) tokens.push(word.token);
  }
  for (const token of tokens) {
    for (const posting of index.postings(token) ?? []) marks[documentOf(posting)] = EXCLUDED;
  }
}

/** Documents that went through all steps before bear the number of steps; those in this list get one more. */
function run(
  index: CompactIndex,
  { alternatives, isScored }: Step,
  at: number,
  marks: Uint8Array,
  scores: Float32Array,
): void {
  const live = index.documents.liveness;
  for (const { token, weight } of alternatives) {
    const postings = index.postings(token);
    if (postings === null) continue;
    const score = termScorer(index.documents, postings.length, weight);
    for (let place = 0; place < postings.length; place++) {
      const posting = postings[place] as number;
      const document = documentOf(posting);
      const mark = marks[document] as number;
      if (mark < at || mark > at + 1 || live[document] === 0) continue;
      marks[document] = at + 1;
      if (isScored) scores[document] = (scores[document] as number) + score(posting);
    }
  }
}

/** Numbers of the documents that went through all steps and lie within the dates. */
function collect(
  index: CompactIndex,
  steps: readonly Step[],
  { before, after }: SearchCriteria,
  marks: Uint8Array,
): number[] {
  const { documents } = index;
  const matches: number[] = [];
  for (let document = 0; document < marks.length; document++) {
    if (marks[document] !== steps.length) continue;
    const createdAt = documents.createdAt(document);
    if ((before === null || createdAt < before) && (after === null || createdAt > after))
      matches.push(document);
  }
  return matches;
}

function answer(
  index: CompactIndex,
  { sort, count, after, skip }: EngineRequest,
  matches: readonly number[],
  scores: Float32Array,
  matched: EngineAnswer['matched'],
): EngineAnswer {
  for (const document of matches) {
    scores[document] = Math.round((scores[document] as number) * SCORE_STEPS) / SCORE_STEPS;
  }
  const place = (document: number): HitPlace => ({
    primary: primaryOf(index, sort, document, scores),
    createdAt: index.documents.createdAt(document),
    id: index.documents.idOf(document),
  });
  const primaries = new Float64Array(index.documents.capacity);
  for (const document of matches) primaries[document] = primaryOf(index, sort, document, scores);
  const rising = sort !== 'relevance' && !sort.startsWith('-');
  const top = new TopHits(count + skip, (a, b) => {
    const difference = (primaries[a] as number) - (primaries[b] as number);
    // Most pairs differ here; the places are made for ties alone.
    if (difference !== 0) return rising ? difference : -difference;
    return comparePlaces(sort, place(a), place(b));
  });
  let following = 0;
  for (const document of matches) {
    if (after !== null && comparePlaces(sort, place(document), after) <= 0) continue;
    following += 1;
    top.offer(document);
  }
  const hits = top
    .sorted()
    .slice(skip)
    .map((document) => ({ ...place(document), score: scores[document] as number }));
  return {
    hits,
    hasMore: following > skip + hits.length,
    total: matches.length,
    isApproximate: false,
    matched,
  };
}

function primaryOf(index: CompactIndex, sort: SearchSort, document: number, scores: Float32Array): number {
  if (sort === 'relevance') return scores[document] as number;
  return sort.endsWith('createdAt')
    ? index.documents.createdAt(document)
    : index.documents.modifiedAt(document);
}
