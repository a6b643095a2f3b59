import { seededRandom } from './seeded-random.mjs';

// Text as collections have it: few words everywhere, most words nearly nowhere (Zipf with Mandelbrot's offset), and new
// words with every page: names, codes, words of other languages.
const WORDS = 300_000;
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

const words = makeWords(WORDS);
const wordRank = zipf(WORDS);
const tagRank = zipf(TAGS);
const hostRank = zipf(HOSTS);

const sentence = (random, length) => Array.from({ length }, () => words[wordRank(random)]).join(' ');
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Title of the bookmark with this number: eight words. */
export const titleOf = (number) => capital(sentence(seededRandom(1_000 + number), 8));

/** The draft of a bookmark: eight words of title, 25 of description, three tags, a note of twelve on every tenth. */
export function draftOf(number) {
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
}

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

/** Two words of the title of some bookmark among the first `documents`, one of them mistyped: `{ text, number }`. */
export function typoQueries(count, documents, seed) {
  const random = seededRandom(seed);
  const queries = [];
  while (queries.length < count) {
    const number = random.integer(0, documents - 1);
    const title = titleOf(number).toLowerCase().split(' ');
    const [first, second] = random.shuffle(title);
    if (first === second || second.length < 5) continue;
    const typo = mistype(second, random);
    if (typo === second) continue;
    queries.push({ number, text: random.shuffle([first, typo]).join(' ') });
  }
  return queries;
}

/** The same without a typo. */
export function plainQueries(count, documents, seed) {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const number = random.integer(0, documents - 1);
    const [first, second] = random.shuffle(titleOf(number).toLowerCase().split(' '));
    return { number, text: `${first} ${second}` };
  });
}
