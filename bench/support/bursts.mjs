import { seededRandom } from './seeded-random.mjs';

const grainy = (width, height, photo, more = {}) => ({
  width,
  height,
  photo,
  format: 'jpeg',
  grain: true,
  ...more,
});

/** Pictures that the bursts ask for, by the name in the origin's URL; the kind stands before the dash. */
const SOURCES = {
  'baseline24-0': grainy(6_000, 4_000, 0),
  'baseline24-1': grainy(6_000, 4_000, 1),
  'baseline24-2': grainy(6_000, 4_000, 2),
  'progressive24-0': grainy(6_000, 4_000, 0, { progressive: true }),
  'progressive24-1': grainy(6_000, 4_000, 3, { progressive: true }),
  'png36-0': { width: 7_350, height: 4_900, photo: 1, format: 'png' },
  'png36-1': { width: 7_350, height: 4_900, photo: 3, format: 'png' },
  'lossless24-0': { width: 6_000, height: 4_000, photo: 1, format: 'webp', lossless: true },
  'lossless24-1': { width: 6_000, height: 4_000, photo: 5, format: 'webp', lossless: true },
  'jpeg12-0': grainy(4_000, 3_000, 4),
  'jpeg12-1': grainy(4_000, 3_000, 5),
  'progressive45-0': grainy(8_216, 5_477, 0, { progressive: true, quality: 85 }),
  'progressive45-1': grainy(8_216, 5_477, 1, { progressive: true, quality: 85 }),
  'progressive444-0': grainy(6_000, 4_000, 1, { progressive: true, chroma: '4:4:4' }),
  'progressive444-1': grainy(6_000, 4_000, 3, { progressive: true, chroma: '4:4:4' }),
  'interlaced24-0': { width: 6_000, height: 4_000, photo: 1, format: 'png', progressive: true },
  'interlaced24-1': { width: 6_000, height: 4_000, photo: 3, format: 'png', progressive: true },
  'small-0': { width: 320, height: 240, photo: 1, format: 'jpeg' },
};

const namesOf = (kinds) => Object.keys(SOURCES).filter((name) => kinds.includes(name.split('-')[0]));

/** `count` items in which every kind stands as often as every other, then shuffled. */
function evenly(kinds, count, random) {
  return random.shuffle(Array.from({ length: count }, (_, i) => kinds[i % kinds.length]));
}

function mixed(count, random) {
  const kinds = ['baseline24', 'progressive24', 'png36', 'lossless24', 'jpeg12'];
  const formats = evenly(['webp', 'jpeg', 'png', 'avif'], count, random);
  return evenly(kinds, count, random).map((kind, i) => ({
    name: random.pick(namesOf([kind])),
    format: formats[i],
    width: random.integer(60, formats[i] === 'avif' ? 160 : 300) * 10,
  }));
}

function plain(count, random) {
  return Array.from({ length: count }, () => ({
    name: random.pick(namesOf(['baseline24'])),
    format: 'webp',
    width: 800,
  }));
}

function heavy(count, random) {
  const kinds = ['progressive45', 'progressive444', 'lossless24', 'interlaced24'];
  return evenly(kinds, count, random).map((kind) => ({
    name: random.pick(namesOf([kind])),
    format: random.pick(['webp', 'jpeg']),
    width: random.integer(80, 120) * 10,
  }));
}

const MIB = 1024 ** 2;

/**
 * The three bursts, with what is required of each at 512 MiB and above.
 *
 * - `retries`: clients come back after Retry-After; else the first answer is the last
 * - `reference`: what its wall time is compared with: the same list `loop`ed two at a time without HTTP, or a
 *   `bare` server without any limit
 */
export const BURSTS = {
  mixed: {
    make: mixed,
    count: 200,
    kinds: ['baseline24', 'progressive24', 'png36', 'lossless24', 'jpeg12', 'small'],
    retries: true,
    env: {},
    leastPictures: 195,
    reference: 'loop',
    mostWallRatio: 1.25,
    mostHitP99Ms: 50,
  },
  plain: {
    make: plain,
    count: 200,
    kinds: ['baseline24', 'small'],
    retries: false,
    env: { QUEUE_DEADLINE_MS: '120000' },
    leastPictures: 200,
    reference: 'bare',
    mostWallRatio: 1,
    mostPeakBytes: 240 * MIB,
    asksSmall: true,
  },
  heavy: {
    make: heavy,
    count: 80,
    kinds: ['progressive45', 'progressive444', 'lossless24', 'interlaced24', 'small'],
    retries: false,
    env: { QUEUE_DEADLINE_MS: '120000' },
    leastPictures: 80,
    asksSmall: true,
    mostSmallP50Ms: 100,
  },
};

/** The pictures that a burst needs. */
export const sourcesOf = (burst) =>
  Object.fromEntries(namesOf(BURSTS[burst].kinds).map((name) => [name, SOURCES[name]]));

/** The list of a burst; the same seed gives the same list. */
export const listOf = (burst, count, seed) => BURSTS[burst].make(count, seededRandom(seed));
