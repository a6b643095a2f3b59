import { seededRandom } from './seeded-random.mjs';

// Text as collections have it: few words everywhere, most words nearly nowhere (Zipf with Mandelbrot's offset), and new
// words with every page: names, codes, words of other languages.
export const USUAL_WORDS = 300_000;
const OFFSET = 2.7;
const TAGS = 2_000;
const HOSTS = 8_000;
const SYLLABLES =
  'ba be bi bo bu ca ce ci co cu da de di do du fa fe fi fo ga ge gi go ha he hi ho ja jo ka ke ki ko la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo wa we wi za ze tion ment ing er ly st nd ck'.split(
    ' ',
  );

function makeWords(count) {
  const random = seededRandom(1);
  const words = new Set();
  while (words.size < count) {
    // The most frequent words are the shortest.
    const syllables = random.integer(1, words.size < 200 ? 2 : 4);
    let word = '';
    for (let n = 0; n < syllables; n++) word += random.pick(SYLLABLES);
    if (word.length > 2) words.add(word);
  }
  return [...words];
}

function zipf(count) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += 1 / (rank + OFFSET);
  return (random) => {
    const wanted = random.next() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function mistype(word, random) {
  const at = random.integer(0, word.length - 2);
  switch (random.integer(0, 2)) {
    case 0:
      return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
    case 1:
      return word.slice(0, at) + word.slice(at + 1);
    default:
      return `${word.slice(0, at)}q${word.slice(at + 1)}`;
  }
}

/** Bookmarks and searches of them, the same for the same number of words to choose from. */
export function openCorpus(wordCount = USUAL_WORDS) {
  const words = makeWords(wordCount);
  const wordRank = zipf(wordCount);
  const tagRank = zipf(TAGS);
  const hostRank = zipf(HOSTS);
  const sentence = (random, length) => Array.from({ length }, () => words[wordRank(random)]).join(' ');
  /** Title of the bookmark with this number: eight words. */
  const titleOf = (number) => capital(sentence(seededRandom(1_000 + number), 8));
  const titleWords = (random, documents) => {
    const number = random.integer(0, documents - 1);
    return titleOf(number).toLowerCase().split(' ');
  };

  return {
    /** The draft of a bookmark: eight words of title, 25 of description, three tags, a note of twelve on every tenth. */
    draftOf(number) {
      const random = seededRandom(1_000 + number);
      const title = capital(sentence(random, 8));
      const host = `${words[500 + hostRank(random)]}.com`;
      const url = `https://${host}/page/${number}`;
      return {
        url,
        normalisedUrl: url,
        host,
        source: 'import',
        values: { title, description: `${capital(sentence(random, 25))}.` },
        tags: [...new Set(Array.from({ length: 3 }, () => words[300 + tagRank(random)]))],
        ...(number % 10 === 0 ? { note: sentence(random, 12) } : {}),
        createdAt: Date.UTC(2010, 0, 1) + number * 800_000,
      };
    },

    /** Two words of the title of some bookmark among the first `documents`, one of them mistyped. */
    typoQueries(count, documents, seed) {
      const random = seededRandom(seed);
      const queries = [];
      while (queries.length < count) {
        const [first, second] = random.shuffle(titleWords(random, documents));
        if (first === second || second.length < 5) continue;
        const typo = mistype(second, random);
        if (typo === second) continue;
        queries.push(random.shuffle([first, typo]).join(' '));
      }
      return queries;
    },

    /** The same without a typo. */
    plainQueries(count, documents, seed) {
      const random = seededRandom(seed);
      return Array.from({ length: count }, () => {
        const [first, second] = random.shuffle(titleWords(random, documents));
        return `${first} ${second}`;
      });
    },

    /** One of each operator in turn, and what costs most: beginnings of two letters, common words, exclusions alone. */
    operatorQueries(count, documents, seed) {
      const random = seededRandom(seed);
      const common = () => words[random.integer(0, 30)];
      const year = () => 2010 + random.integer(0, 1);
      const kinds = [
        () => `"${titleWords(random, documents).slice(0, 2).join(' ')}"`,
        () => `${titleWords(random, documents)[0]} -${common()}`,
        () => `tag:${words[300 + tagRank(random)]} ${common()}`,
        () => `site:${words[500 + hostRank(random)]}.com ${common()}`,
        () => `${common()} after:${year()}-0${random.integer(1, 9)}`,
        () => `${common()} before:${year()}-0${random.integer(1, 9)}-15`,
        () => `-${common()}`,
        () => `-is:archived -tag:${words[300 + tagRank(random)]}`,
        () => `${common()} ${common()}`,
        () => common().slice(0, 2),
        () => `${titleWords(random, documents)[3]} ${common().slice(0, 2)}`,
      ];
      return Array.from({ length: count }, (_, at) => kinds[at % kinds.length]());
    },
  };
}
