import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from './seeded-random.mjs';

const marked = fileURLToPath(new URL('../../test/support/pages/', import.meta.url));

const WORDS =
  'tide harbour anchor rope wind keel hull chart buoy light deck crew sail mast ebb flood bell pier quay gull'.split(
    ' ',
  );

/** Share of the added weight that goes into the head: style sheets and scripts. */
const HEAD_SHARE = 0.12;

/**
 * Bytes of a marked page as text in which ASCII can be added, and back: what is not in UTF-16 counts as ISO 8859-1,
 * which leaves every byte as it is.
 */
const CODINGS = {
  'utf-16le': {
    read: (bytes) => bytes.toString('utf16le'),
    write: (text) => Buffer.from(text, 'utf16le'),
    width: 2,
  },
  'utf-16be': {
    read: (bytes) => Buffer.from(bytes).swap16().toString('utf16le'),
    write: (text) => Buffer.from(text, 'utf16le').swap16(),
    width: 2,
  },
  bytes: {
    read: (bytes) => bytes.toString('latin1'),
    write: (text) => Buffer.from(text, 'latin1'),
    width: 1,
  },
};

/** The marked pages and what they say; those with `fill` get their weight. */
export function readMarkedPages() {
  const list = JSON.parse(readFileSync(join(marked, 'expected.json'), 'utf8'));
  return list.map((page) => {
    const text = readFileSync(join(marked, `${page.name}.page`), 'latin1');
    const { fill } = page;
    const weight = fill?.with.repeat(Math.ceil(fill.bytes / fill.with.length));
    return {
      ...page,
      bytes: Buffer.from(weight === undefined ? text : text.replace('<!--fill-->', weight), 'latin1'),
    };
  });
}

/** metascraper takes no address under .example, the domain of the marked pages: it gets another. */
export const toCom = (text) => text.replace(/\.example\b/g, '.com');

/**
 * Writes `count` pages: the marked ones in turn, with the weight of real pages added to head and body. Each is stored as
 * bytes and decoded to UTF-8, because the libraries take text; and so once more with the addresses that metascraper takes.
 *
 * @param {{ grown?: boolean }} [options] `grown: false` stores them as they are
 * @returns what each child has to know: files, addresses, types
 */
export function storePages(pages, count, folder, { grown = true } = {}) {
  const random = seededRandom(20_260_601);
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, index) => {
    const page = pages[index % pages.length];
    const coding = CODINGS[page.expected.charset] ?? CODINGS.bytes;
    // Log-uniform from 20 KB to 1.5 MB: most pages are small, a few are not.
    const bytes = Math.round((20_000 * 75 ** random.next()) / coding.width);
    const text = coding.read(page.bytes);
    const raw = coding.write(grown ? grow(text, bytes, index % 3 === 2, random) : text);
    const file = join(folder, `${String(index).padStart(3, '0')}-${page.name}`);
    writeFileSync(`${file}.raw`, raw);
    const decoded = toText(raw, page);
    writeFileSync(`${file}.utf8`, decoded);
    writeFileSync(`${file}.com`, toCom(decoded));
    const { name, url, requestedUrl, contentType } = page;
    return { name, file, url, requestedUrl, contentType, bytes: raw.length };
  });
}

function toText(raw, { expected, contentType }) {
  const label = expected.charset ?? /charset=([\w-]+)/.exec(contentType)?.[1] ?? 'utf-8';
  // Not TextDecoder's windows-1252: Node 20 and later lines get its quotes wrong.
  if (label === 'windows-1252') return fromWindows1252(raw);
  return new TextDecoder(label).decode(raw);
}

const C1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
const fromWindows1252 = (raw) =>
  raw.toString('latin1').replace(/[\x80-\x9f]/g, (c) => C1[c.charCodeAt(0) - 0x80]);

/**
 * Adds head weight before `</head>` and body weight before `</body>` (at the end where the page has neither), or with
 * `early` right after `<body>`, so that what the page says in its body comes late.
 */
function grow(html, bytes, early, random) {
  const head = /<\/head>/i.exec(html);
  let grown = html;
  if (head !== null && head.index < html.length) {
    grown = html.slice(0, head.index) + headWeight(bytes * HEAD_SHARE, random) + html.slice(head.index);
  }
  const start = /<body[^>]*>/i.exec(grown);
  const end = [...grown.matchAll(/<\/body>/gi)].at(-1)?.index ?? grown.length;
  const body = early && start !== null ? start.index + start[0].length : end;
  return grown.slice(0, body) + bodyWeight(Math.max(0, bytes - grown.length), random) + grown.slice(body);
}

function headWeight(bytes, random) {
  let text = '<link rel="stylesheet" href="/assets/main.css">\n<style>';
  while (text.length < bytes * 0.6) {
    text += `.c-${random.integer(1, 9_999)}>a:hover{margin:0 ${random.integer(0, 40)}px;color:#${random.integer(100_000, 999_999)}}`;
  }
  text += '</style>\n<script>window.__config={';
  while (text.length < bytes) text += `"key${random.integer(1, 99_999)}":"${sentence(random)}",`;
  return `${text}"end":0};</script>\n`;
}

function bodyWeight(bytes, random) {
  const parts = [];
  let length = 0;
  while (length < bytes) {
    const part = random.pick([paragraph, card, navigation, state, drawing])(random);
    parts.push(part);
    length += part.length;
  }
  return parts.join('');
}

const sentence = (random) =>
  Array.from({ length: random.integer(6, 18) }, () => random.pick(WORDS)).join(' ');

const paragraph = (random) =>
  `<p class="text text--${random.integer(1, 9)}">${Array.from({ length: random.integer(2, 6) }, () => sentence(random)).join('. ')}, see <a href="/n/${random.integer(1, 99_999)}" title="${sentence(random)}">more &amp; more</a>.</p>\n`;

const card = (random) =>
  `<div class="card"><div class="card__in"><div class="card__head"><h3><a class="card__link" href="/c/${random.integer(1, 99_999)}?utm_source=list" data-track='{"id":${random.integer(1, 99_999)}}'>${sentence(random)}</a></h3></div><ul>${`<li><span>${sentence(random)}</span></li>`.repeat(random.integer(1, 5))}</ul></div></div>\n`;

const navigation = (random) =>
  `<nav aria-label="more"><ul>${Array.from({ length: random.integer(4, 20) }, () => `<li><a href="/t/${random.pick(WORDS)}">${random.pick(WORDS)}</a></li>`).join('')}</ul></nav>\n`;

const state = (random) =>
  `<script type="application/json">{"items":[${Array.from({ length: random.integer(5, 60) }, () => `{"id":${random.integer(1, 1e6)},"t":"${sentence(random)}","u":"<b>x</b>"}`).join(',')}]}</script>\n`;

const drawing = (random) =>
  `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${Array.from({ length: random.integer(10, 80) }, () => `L${random.integer(0, 24)} ${random.integer(0, 24)}`).join('')}"/></svg>\n`;
