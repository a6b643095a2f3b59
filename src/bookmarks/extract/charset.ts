/** How far the declaration of a page is looked for: HTML demands 1024 bytes, pages with scripts before it need more. */
const PRESCAN_BYTES = [1_024, 4_096, 16_384] as const;

/** Longest `<meta>` that is looked at, characters: a bound for pages that open one after the other and close none. */
const META_TAG = /<meta[\s/][^>]{0,1000}>/gi;

/** What holds text that looks like markup and is none. */
const NO_MARKUP = /<!--[^]*?(?:-->|$)|<script\b[^]*?(?:<\/script|$)|<style\b[^]*?(?:<\/style|$)/gi;

/** Labels of WHATWG's standard that this platform's decoder does not know by itself. */
const OWN_LABELS: ReadonlyMap<string, string> = new Map([
  ['x-user-defined', 'windows-1252'],
  ['utf8mb4', 'utf-8'],
]);

/** The encoding that a label stands for (`gb2312` is `gbk`, `latin1` is `windows-1252`); `undefined` for no such label. */
export function encodingOf(label: string): string | undefined {
  const name = label.trim().toLowerCase();
  const own = OWN_LABELS.get(name);
  if (own !== undefined) return own;
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return undefined;
  }
}

export interface Declaration {
  readonly encoding: string;
  /**
   * What the bytes are when they turn out not to be in `encoding`. Only "UTF-8" is doubted: servers and templates say so
   * without looking, and only of UTF-8 can it be known that bytes are not in it.
   */
  readonly otherwise?: string;
}

/** What the first bytes and the header of an answer say about its encoding, best first: BOM, header, `<meta>`. */
export function declaredEncoding(head: Buffer, contentType: string | undefined): Declaration | undefined {
  const marked = markedEncoding(head);
  if (marked !== undefined) return { encoding: marked };
  const inHeader = headerEncoding(contentType);
  if (inHeader !== undefined && inHeader !== 'utf-8') return { encoding: inHeader };
  const inMeta = metaEncoding(head);
  const encoding = inHeader ?? inMeta;
  if (encoding === 'utf-8') {
    return { encoding, otherwise: inMeta === undefined || inMeta === 'utf-8' ? 'windows-1252' : inMeta };
  }
  const other = encoding ?? wideEncoding(head);
  return other === undefined ? undefined : { encoding: other };
}

/** Bytes of the byte order mark at the start. */
export function markBytes(head: Buffer): number {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 3;
  return (head[0] === 0xfe && head[1] === 0xff) || (head[0] === 0xff && head[1] === 0xfe) ? 2 : 0;
}

function markedEncoding(head: Buffer): string | undefined {
  const length = markBytes(head);
  if (length === 0) return undefined;
  if (length === 3) return 'utf-8';
  return head[0] === 0xfe ? 'utf-16be' : 'utf-16le';
}

function headerEncoding(contentType: string | undefined): string | undefined {
  const label = /;\s*charset\s*=\s*["']?([^\s"';,]{1,40})/i.exec(contentType ?? '')?.[1];
  return label === undefined ? undefined : encodingOf(label);
}

function metaEncoding(head: Buffer): string | undefined {
  for (const bytes of PRESCAN_BYTES) {
    const text = head.toString('latin1', 0, bytes).replace(NO_MARKUP, '');
    for (const [tag] of text.matchAll(META_TAG)) {
      const encoding = declaredBy(tag);
      if (encoding !== undefined) return encoding;
    }
    const xml = /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w:-]{1,40})/i.exec(text)?.[1];
    const encoding = xml === undefined ? undefined : narrow(encodingOf(xml));
    if (encoding !== undefined) return encoding;
    if (head.length <= bytes) break;
  }
  return undefined;
}

/** `<meta charset>` and `<meta http-equiv=content-type content>`; a description that talks of "charset=" is neither. */
function declaredBy(tag: string): string | undefined {
  const short = /[\s"'/]charset\s*=\s*["']?\s*([\w:.-]{1,40})/i.exec(withoutContent(tag))?.[1];
  const isContentType = /http-equiv\s*=\s*["']?\s*content-type/i.test(tag);
  const long = isContentType ? /charset\s*=\s*["']?\s*([\w:.-]{1,40})/i.exec(tag)?.[1] : undefined;
  const label = short ?? long;
  return label === undefined ? undefined : narrow(encodingOf(label));
}

const withoutContent = (tag: string): string => tag.replace(/\bcontent\s*=\s*(?:"[^"]*"|'[^']*')/gi, '');

/** A declaration that could be read byte by byte is not in UTF-16. */
const narrow = (encoding: string | undefined): string | undefined =>
  encoding?.startsWith('utf-16') === true ? 'utf-8' : encoding;

/** UTF-16 that says so nowhere: a `<` with a zero beside it. */
function wideEncoding(head: Buffer): string | undefined {
  if (head[0] === 0x3c && head[1] === 0) return 'utf-16le';
  return head[0] === 0 && head[1] === 0x3c ? 'utf-16be' : undefined;
}
