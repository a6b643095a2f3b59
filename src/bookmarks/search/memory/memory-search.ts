import { breathe } from '../feed/breathe.js';
import { ANY_DOCUMENT, facetToken } from '../query/facet.js';
import { matchedTerms, resolveWords, type Alternative, type Vocabulary } from '../query/resolve-words.js';
import type { SearchCriteria } from '../query/search-criteria.js';
import { NO_MATCH, type EngineAnswer, type EngineRequest } from '../search-engine.js';
import type { CompactIndex } from './compact-index.js';
import { documentOf } from './posting.js';
import { Ranking } from './ranking.js';
import { TopHits } from './top-hits.js';
import { TermScoring } from './term-scoring.js';

/** Of the marks: a document that must not be found. The steps, one per word and facet, stay far below it. */
const EXCLUDED = 255;

/** Scores are told apart to this; smaller differences come from the lengths of texts, and the newer one is better. */
const SCORE_STEPS = 1_000;

/** A list and how much of a whole match it is worth. */
interface WeightedTerm {
  readonly term: number;
  readonly weight: number;
}

/** What all documents of a list must go through, one list or several as one. */
interface Step {
  readonly terms: readonly WeightedTerm[];
  readonly isScored: boolean;
  /** Sum of the lengths of the lists. */
  readonly cost: number;
}

/** One search over a {@link CompactIndex}: intersects the lists, the shortest first, and scores what is left. */
export async function searchMemory(index: CompactIndex, request: EngineRequest): Promise<EngineAnswer> {
  const { criteria, isLenient } = request;
  const words = await resolveWords(criteria, paced(index), isLenient);
  if (words === null) return NO_MATCH;
  await breathe();
  // From here on nothing is awaited: numbers and lists are those of one moment.
  const steps = [
    ...words.map((alternatives) => step(index, alternatives, true)),
    ...criteria.required.map((facet) => step(index, [whole(facetToken(facet))], false)),
  ].sort((a, b) => a.cost - b.cost);
  if (steps.length === 0) steps.push(step(index, [whole(ANY_DOCUMENT)], false));
  const marks = new Uint8Array(index.documents.capacity);
  const scores = new Float32Array(index.documents.capacity);
  exclude(index, criteria, marks);
  const scoring = new TermScoring(index.documents);
  steps.forEach((one, at) => run(index, one, at, marks, scores, scoring));
  const matches = collect(index, steps, criteria, marks);
  const found = answer(index, request, matches, scores, matchedTerms(words));
  // The rows come next, and SQLite reads them in this thread.
  await breathe();
  return found;
}

/** Going through all words for a mistyped one takes milliseconds: between two of them the event loop runs. */
function paced(index: CompactIndex): Vocabulary {
  return {
    count: (token, atMost) => index.count(token, atMost),
    hasBeginning: (beginning) => index.hasBeginning(beginning),
    similar: async (word, typos) => {
      const similar = index.similar(word, typos);
      await breathe();
      return similar;
    },
  };
}

const whole = (token: string): Alternative => ({ token, isBeginning: false, weight: 1 });

function step(index: CompactIndex, alternatives: readonly Alternative[], isScored: boolean): Step {
  const terms = alternatives.flatMap((one) => expanded(index, one));
  return { terms, isScored, cost: terms.reduce((sum, { term }) => sum + index.lengthOfList(term), 0) };
}

/** A beginning as the tokens that begin so, each worth less the longer it goes on (MiniSearch's weights). */
function expanded(index: CompactIndex, { token, isBeginning, weight }: Alternative): WeightedTerm[] {
  if (!isBeginning) {
    const term = index.termOf(token);
    return term === undefined ? [] : [{ term, weight }];
  }
  return index.beginningWith(token).map((term) => {
    const length = index.lengthOfToken(term);
    return { term, weight: (weight * length) / (length + 0.3 * (length - token.length)) };
  });
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
  { terms, isScored }: Step,
  at: number,
  marks: Uint8Array,
  scores: Float32Array,
  scoring: TermScoring,
): void {
  const live = index.documents.liveness;
  for (const { term, weight } of terms) {
    const postings = index.postingsOf(term);
    const score = scoring.of(postings.length, weight);
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
  const ranking = new Ranking(index.documents, sort, scores);
  const top = new TopHits(count + skip, (a, b) => ranking.compare(a, b));
  let following = 0;
  for (const document of matches) {
    if (after !== null && !ranking.isBehind(document, after)) continue;
    following += 1;
    top.offer(document);
  }
  const hits = top
    .sorted()
    .slice(skip)
    .map((document) => ({ ...ranking.place(document), score: scores[document] as number }));
  return {
    hits,
    hasMore: following > skip + hits.length,
    total: matches.length,
    isApproximate: false,
    matched,
  };
}
