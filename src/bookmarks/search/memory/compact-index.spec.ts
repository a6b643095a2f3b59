import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FACET_MARK } from '../query/facet.js';
import type { SearchDocument } from '../search-document.js';
import { editDistance } from '../text/edit-distance.js';
import { CompactIndex } from './compact-index.js';
import { addOccurrence, documentOf, FREQUENCY_PLACES, posting } from './posting.js';
import { PostingLists } from './posting-lists.js';
import { TermDictionary } from './term-dictionary.js';
import { TopHits } from './top-hits.js';

const documentOfWords = (id: string, words: readonly string[], version = 0): SearchDocument => ({
  id,
  createdAt: version,
  modifiedAt: version,
  fields: { title: words, tags: [], host: [], note: [], description: [] },
  facets: [],
  digest: createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 12),
});

/** Ids of the living documents with the token. */
function found(index: CompactIndex, token: string): readonly string[] {
  return [...(index.postings(token) ?? [])]
    .map(documentOf)
    .filter((number) => index.documents.isLive(number))
    .map((number) => index.documents.idOf(number))
    .sort();
}

function sweepWhole(index: CompactIndex): void {
  while (!index.sweep(() => false));
}

describe('PostingLists', () => {
  it('keeps every list whole while lists grow, shrink and share freed blocks', () => {
    const write = fc.record({
      term: fc.nat(19),
      count: fc.integer({ min: 1, max: 700 }),
      keepEvery: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 3 }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
        const lists = new PostingLists();
        const model: number[][] = [];
        for (let term = 0; term < 20; term++) model[lists.addTerm()] = [];
        let value = 1;
        for (const { term, count, keepEvery } of writes) {
          const list = model[term] as number[];
          for (let n = 0; n < count; n++) {
            lists.append(term, value);
            list.push(value++);
          }
          if (keepEvery === null) continue;
          const kept = list.filter((_, at) => at % keepEvery === 0);
          const read = lists.read(term);
          read.set(kept);
          lists.rewrite(term, read, kept.length);
          model[term] = kept;
        }
        model.forEach((list, term) => expect([...lists.read(term)]).toEqual(list));
      }),
      { numRuns: 20 },
    );
  });

  it('uses freed blocks again', () => {
    const lists = new PostingLists();
    const term = lists.addTerm();
    const fill = (): void => {
      for (let n = 0; n < 5_000; n++) lists.append(term, n);
    };
    fill();
    lists.rewrite(term, lists.read(term), 0);
    fill();
    const { bytes } = lists;
    for (let round = 0; round < 50; round++) {
      lists.rewrite(term, lists.read(term), 0);
      fill();
    }

    expect(lists.bytes).toBe(bytes);
  });
});

describe('TermDictionary', () => {
  const token = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', '京'), minLength: 1, maxLength: 8 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  );

  it('finds every word again, and no other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(token, { maxLength: 400 }), fc.array(token), (tokens, others) => {
        const dictionary = new TermDictionary();
        tokens.forEach((one, term) => expect(dictionary.add(one)).toBe(term));
        tokens.forEach((one, term) => {
          expect(dictionary.find(one)).toBe(term);
          expect(dictionary.token(term)).toBe(one);
        });
        for (const other of others) expect(dictionary.find(other) !== undefined).toBe(tokens.includes(other));
      }),
    );
  });

  it('keeps a hundred thousand words apart, in less than 60 bytes each', () => {
    const dictionary = new TermDictionary();
    for (let n = 0; n < 100_000; n++) dictionary.add(`word${n}`);

    expect(dictionary.find('word0')).toBe(0);
    expect(dictionary.find('word99999')).toBe(99_999);
    expect(dictionary.find('word100000')).toBeUndefined();
    expect(dictionary.bytes / 100_000).toBeLessThan(60);
  });

  it('finds beginnings and leaves out no near word', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(token, { maxLength: 200 }),
        token,
        fc.constantFrom(1, 2),
        (tokens, word, typos) => {
          const dictionary = new TermDictionary();
          for (const one of tokens) dictionary.add(one);
          const near = dictionary.near(word, typos);

          expect([...dictionary.beginningWith(word)].map((term) => dictionary.token(term))).toEqual(
            tokens.filter((one) => one.startsWith(word) && one !== word),
          );
          const expected = tokens.filter(
            (one) => editDistance(word, one, typos) <= typos && !one.startsWith(FACET_MARK),
          );
          expect(near).toEqual(expect.arrayContaining(expected));
        },
      ),
    );
  });
});

describe('a posting', () => {
  it('holds the document and the frequency of each field up to its bits', () => {
    let frequencies = 0;
    for (let n = 0; n < 5; n++)
      for (let field = 0; field < 5; field++) frequencies = addOccurrence(frequencies, field);
    const packed = posting(2 ** 24 - 1, frequencies);

    expect(documentOf(packed)).toBe(2 ** 24 - 1);
    expect(FREQUENCY_PLACES.map(({ shift, mask }) => (packed >>> shift) & mask)).toEqual([3, 1, 1, 3, 3]);
  });
});

describe('TopHits', () => {
  it('keeps what a whole sort would put first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.integer({ min: 1, max: 20 }), (values, size) => {
        const top = new TopHits(size, (a, b) => b - a);
        for (const value of values) top.offer(value);

        expect(top.sorted()).toEqual([...values].sort((a, b) => b - a).slice(0, size));
      }),
    );
  });
});

describe('CompactIndex', () => {
  const WORDS = ['alpha', 'alphabet', 'beta', 'gamma', 'delta', 'gamut'];

  it('finds what a plain list of documents would, through writes, removals and sweeps', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ id: fc.nat(15), words: fc.subarray(WORDS, { minLength: 1 }) }) },
      { weight: 3, arbitrary: fc.record({ id: fc.nat(15), words: fc.constant(null) }) },
      { weight: 1, arbitrary: fc.constant('sweep' as const) },
      { weight: 1, arbitrary: fc.constant('sweep a little' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const index = new CompactIndex();
        const model = new Map<string, readonly string[]>();
        for (const one of steps) {
          if (one === 'sweep') sweepWhole(index);
          else if (one === 'sweep a little') index.sweep(() => true);
          else if (one.words === null) {
            // oxlint-disable-next-line jest/no-conditional-expect -- a step of the model, not a test by itself
            expect(index.remove(`d${one.id}`)).toBe(model.delete(`d${one.id}`));
          } else {
            index.put(documentOfWords(`d${one.id}`, one.words));
            model.set(`d${one.id}`, one.words);
          }
        }
        expect(index.documents.count).toBe(model.size);
        for (const word of WORDS) {
          const expected = [...model].filter(([, words]) => words.includes(word)).map(([id]) => id);
          expect(found(index, word)).toEqual(expected.sort());
          expect(index.count(word, 100)).toBe(expected.length);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('does not grow for a document that is written over and over', () => {
    const index = new CompactIndex();
    for (let n = 0; n < 100; n++) index.put(documentOfWords(`d${n}`, WORDS));
    const write = (round: number): void => {
      for (let n = 0; n < 100; n++) index.put(documentOfWords(`d${n}`, [...WORDS, `word${round % 2}`]));
      while (index.needsSweep) index.sweep(() => false);
    };
    for (let round = 0; round < 20; round++) write(round);
    const { bytes } = index;
    for (let round = 0; round < 100; round++) write(round);

    expect(index.bytes).toBe(bytes);
  });

  it('leaves a document alone whose words have not changed', () => {
    const index = new CompactIndex();
    index.put(documentOfWords('a', ['alpha'], 1));
    index.put(documentOfWords('a', ['alpha'], 2));

    expect(index.documents.deadCount).toBe(0);
    expect(index.documents.modificationTimes[index.documents.numberOf('a') as number]).toBe(2);
  });

  it('finds beginnings and near words that some document still has', () => {
    const index = new CompactIndex();
    WORDS.forEach((word, n) => index.put(documentOfWords(`d${n}`, [word])));
    index.remove('d3');

    expect(index.beginningWith('alpha')).toEqual([index.termOf('alphabet')]);
    expect(index.hasBeginning('gam')).toBe(true);
    expect(index.hasBeginning('gamm')).toBe(false);
    expect(index.similar('dleta', 1)).toContain('delta');
    expect(index.similar('gamma', 1)).not.toContain('gamma');
  });

  it('says that it is worn when most of its words stand in no document any more', () => {
    const index = new CompactIndex();
    for (let n = 0; n < 3_000; n++) {
      const words = Array.from({ length: 10 }, (_, word) => `unique${n}x${word}`);
      index.put(documentOfWords(`d${n}`, words));
    }
    const before = index.isWorn;
    for (let n = 0; n < 2_500; n++) index.remove(`d${n}`);
    sweepWhole(index);

    expect([before, index.isWorn]).toEqual([false, true]);
  });
});
