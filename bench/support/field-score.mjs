/** The fields that all sides are asked for. */
export const FIELDS = [
  'title',
  'description',
  'image',
  'author',
  'publishedAt',
  'publisher',
  'canonicalUrl',
  'language',
];

const plain = (text) =>
  String(text)
    .normalize('NFKC')
    .replace(/[“”„]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/…/g, '...')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();

const sameUrl = (found, expected, base) => {
  const normal = (url) => {
    try {
      return new URL(url, base).href.replace(/\/$/, '');
    } catch {
      return url;
    }
  };
  return normal(found) === normal(expected);
};

/** A day is right when the time that was found lies in it, in whatever zone; a time only when it is the same instant. */
function sameDate(found, expected) {
  const at = Date.parse(found);
  if (expected.includes('T')) return at === Date.parse(expected);
  return String(found).startsWith(expected) || Math.abs(at - Date.parse(expected)) <= 14 * 3_600_000;
}

/** Libraries cut descriptions and end them with an ellipsis: right as far as it goes. */
function sameDescription(found, expected) {
  const text = plain(found);
  return (
    text === plain(expected) || (text.endsWith('...') && plain(expected).startsWith(text.slice(0, -3).trim()))
  );
}

function isRight(field, found, expected, url) {
  switch (field) {
    case 'image':
    case 'canonicalUrl':
      return sameUrl(found, expected, url);
    case 'publishedAt':
      return sameDate(found, expected);
    case 'description':
      return sameDescription(found, expected);
    case 'language':
      return plain(found).split(/[-_]/)[0] === plain(expected).split('-')[0];
    default:
      return plain(found) === plain(expected);
  }
}

/**
 * Judges one field of one page.
 *
 * @returns `right`; `missed` (nothing found), `wrong` (another value); `false` where the page says nothing and a value
 *   was found; `undefined` when the page is not asked about the field
 */
export function judge(field, facts, page) {
  const { expected, url } = page;
  if (!(field in expected)) return undefined;
  const found = facts[field];
  const nothing = found === undefined || found === null || found === '';
  if (expected[field] === null) {
    // An address of the page itself is the answer of a library that always gives one.
    if (field === 'canonicalUrl' && !nothing && sameUrl(found, url, url)) return undefined;
    return nothing ? 'right' : 'false';
  }
  if (nothing) return 'missed';
  const values = [expected[field], ...(expected[`${field}Also`] ?? [])];
  return values.some((value) => isRight(field, found, value, url)) ? 'right' : 'wrong';
}

/**
 * What a side found, judged page by page.
 *
 * @param results `{ name, facts }` of each page
 * @param byName the marked pages
 * @returns by field: how often it was asked for, how often it was right, and each miss with its times
 */
export function scoreOf(results, byName) {
  const score = Object.fromEntries(FIELDS.map((field) => [field, { asked: 0, right: 0, misses: new Map() }]));
  for (const { name, facts } of results) {
    for (const field of FIELDS) {
      const verdict = judge(field, facts, byName.get(name));
      if (verdict === undefined) continue;
      score[field].asked += 1;
      if (verdict === 'right') {
        score[field].right += 1;
        continue;
      }
      const miss = `${name} (${verdict})`;
      score[field].misses.set(miss, (score[field].misses.get(miss) ?? 0) + 1);
    }
  }
  return score;
}

/** The share of right answers over these fields, 0 to 1. */
export function shareOf(score, fields) {
  const sum = (figure) => fields.reduce((all, field) => all + score[field][figure], 0);
  return sum('right') / sum('asked');
}
