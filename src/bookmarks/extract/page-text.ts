/** Longest short text (author, publisher, site name), UTF-16 code units (chosen). */
export const MAX_NAME_CHARS = 200;

/** What is looked at before cleaning is this many times what may be kept: markup full of blanks must not empty a text. */
const RAW_FACTOR = 8;

/** Control characters but for blanks, the byte order mark, noncharacters. */
const UNWANTED = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufeff\ufffe\uffff]+/g;

/** With the `u` flag only surrogates without their partner match. */
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

/** Tags that content systems leave, escaped, in descriptions; any other `<` is taken for text. */
const KNOWN_TAGS = /<\/?(?:p|br|b|i|em|strong|span|div|a|ul|ol|li|h[1-6]|blockquote)(?:\s[^<>]*)?\/?>/gi;

/**
 * One line of clean text: control characters, NUL and lone surrogates gone, blanks collapsed, cut at `maxChars`
 * without splitting a character. The result is a copy: it keeps nothing of the page alive.
 *
 * @returns `undefined` when nothing is left
 */
export function cleanText(raw: string | undefined, maxChars: number): string | undefined {
  if (raw === undefined || raw === '') return undefined;
  const bounded = raw.length > maxChars * RAW_FACTOR ? raw.slice(0, maxChars * RAW_FACTOR) : raw;
  let text = bounded.replace(UNWANTED, '').replace(LONE_SURROGATES, '').replace(/\s+/g, ' ').trim();
  if (text.length > maxChars) text = text.slice(0, maxChars).replace(LONE_SURROGATES, '').trimEnd();
  return text === '' ? undefined : flatten(text);
}

/** Text in which escaped markup may stand, as plain text. */
export function withoutTags(text: string): string {
  return text.includes('<') ? text.replace(KNOWN_TAGS, ' ') : text;
}

/** A copy that shares no memory with the text it was cut from. */
export function flatten(text: string): string {
  return Buffer.from(text).toString();
}

const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: ' ',
    hellip: '…',
    ndash: '–',
    mdash: '—',
    lsquo: '‘',
    rsquo: '’',
    ldquo: '“',
    rdquo: '”',
    laquo: '«',
    raquo: '»',
    eacute: 'é',
    egrave: 'è',
    agrave: 'à',
    auml: 'ä',
    ouml: 'ö',
    uuml: 'ü',
    szlig: 'ß',
  }),
);

/**
 * Decodes character references once, in text that no HTML parser has seen (JSON-LD, oEmbed): content systems write
 * them there too. Numeric ones and the names that such systems use.
 */
export function decodeReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi,
    (whole: string, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED.get(name) ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
    },
  );
}
