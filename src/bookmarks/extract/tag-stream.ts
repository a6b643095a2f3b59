import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';

/** Longest attribute value that is kept, characters; a picture written out as a data: URI ends here. */
const MAX_VALUE_CHARS = 16_384;

/** Most attributes of one tag that are kept. */
const MAX_ATTRIBUTES = 48;

/** Text behind the tokenizer that a name or a comment may still reach back to, characters. */
const KEPT_CHARS = 65_536;

/** Elements of HTML that end an SVG which nobody closed (a few of the list in the HTML standard, 13.2.6.5). */
const BREAKOUT: ReadonlySet<string> = new Set([
  'body',
  'head',
  'meta',
  'div',
  'p',
  'h1',
  'h2',
  'img',
  'table',
  'ul',
]);

export type Attributes = ReadonlyMap<string, string>;

export interface TagHandler {
  /** Whether all attributes of this tag are wanted; of the others only `itemprop` and what goes with it. */
  wantsAttributes(name: string): boolean;
  onOpen(name: string, attributes: Attributes): void;
  onClose(name: string): void;
  /** Whether the next text is worth cutting out. */
  readonly wantsText: boolean;
  onText(text: string): void;
}

/** Names that are kept from every tag: microdata may stand anywhere. */
const ALWAYS_KEPT: ReadonlySet<string> = new Set(['itemprop', 'content', 'datetime', 'rel']);

/**
 * Tags and text of a page, without a tree. Made on htmlparser2's tokenizer: its parser keeps a stack of open elements
 * and moves all of it at each tag, so that a page nested 100 000 deep would take seconds. Nothing here grows with
 * depth.
 */
export class TagStream {
  private readonly tokenizer: Tokenizer;
  private readonly buffers: string[] = [];
  private bufferStart = 0;
  private keptChars = 0;
  private name = '';
  private value = '';
  private attributeName: string | undefined;
  private wanted = false;
  private attributes = new Map<string, string>();
  private svgDepth = 0;

  constructor(private readonly handler: TagHandler) {
    this.tokenizer = new Tokenizer({}, this.callbacks());
  }

  write(text: string): void {
    if (text === '') return;
    this.buffers.push(text);
    this.keptChars += text.length;
    while (this.keptChars - (this.buffers[0]?.length ?? 0) > KEPT_CHARS) this.dropFirst();
    this.tokenizer.write(text);
  }

  end(): void {
    this.tokenizer.end();
  }

  /** No further callback comes. */
  stop(): void {
    this.tokenizer.pause();
  }

  private callbacks(): TokenizerCallbacks {
    const ignore = (): void => undefined;
    return {
      onopentagname: (start, end) => this.openName(start, end),
      onattribname: (start, end) => this.openAttribute(start, end),
      onattribdata: (start, end) => this.attributeData(start, end),
      onattribentity: (codePoint) => {
        if (this.attributeName !== undefined && this.value.length < MAX_VALUE_CHARS) {
          this.value += String.fromCodePoint(codePoint);
        }
      },
      onattribend: () => this.closeAttribute(),
      onopentagend: () => this.open(false),
      onselfclosingtag: () => this.open(true),
      onclosetag: (start, end) => this.close(start, end),
      ontext: (start, end) => {
        if (this.handler.wantsText) this.handler.onText(this.slice(start, end));
      },
      ontextentity: (codePoint) => {
        if (this.handler.wantsText) this.handler.onText(String.fromCodePoint(codePoint));
      },
      isInForeignContext: () => this.svgDepth > 0,
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onprocessinginstruction: ignore,
      onend: ignore,
    };
  }

  private openName(start: number, end: number): void {
    this.name = end - start > 32 ? '' : this.slice(start, end).toLowerCase();
    if (this.svgDepth > 0 && BREAKOUT.has(this.name)) this.svgDepth = 0;
    this.wanted = this.handler.wantsAttributes(this.name);
    if (this.attributes.size > 0) this.attributes = new Map();
  }

  private openAttribute(start: number, end: number): void {
    this.attributeName = undefined;
    this.value = '';
    const length = end - start;
    if (length > 32 || this.attributes.size >= MAX_ATTRIBUTES) return;
    // 3, 7 and 8 are the lengths of the names that are always kept: the others need not be cut out.
    if (!this.wanted && length !== 3 && length !== 7 && length !== 8) return;
    const name = this.slice(start, end).toLowerCase();
    if ((this.wanted || ALWAYS_KEPT.has(name)) && !this.attributes.has(name)) this.attributeName = name;
  }

  private attributeData(start: number, end: number): void {
    if (this.attributeName === undefined) return;
    const room = MAX_VALUE_CHARS - this.value.length;
    if (room > 0) this.value += this.slice(start, Math.min(end, start + room));
  }

  private closeAttribute(): void {
    if (this.attributeName === undefined) return;
    this.attributes.set(this.attributeName, this.value);
    this.attributeName = undefined;
    this.value = '';
  }

  private open(selfClosing: boolean): void {
    const { name } = this;
    if (this.svgDepth > 0) {
      if (name === 'svg' && !selfClosing) this.svgDepth += 1;
      return;
    }
    if (name === 'svg') {
      if (!selfClosing) this.svgDepth = 1;
      return;
    }
    if (name !== '') this.handler.onOpen(name, this.attributes);
  }

  private close(start: number, end: number): void {
    if (end - start > 32) return;
    const name = this.slice(start, end).toLowerCase();
    if (name === 'svg') this.svgDepth = Math.max(0, this.svgDepth - 1);
    else if (this.svgDepth === 0) this.handler.onClose(name);
  }

  /** The text between two positions of the page; what was dropped already is missing. */
  private slice(start: number, end: number): string {
    let [first = ''] = this.buffers;
    while (start - this.bufferStart >= first.length && this.buffers.length > 1) {
      this.dropFirst();
      [first = ''] = this.buffers;
    }
    let text = first.slice(Math.max(0, start - this.bufferStart), Math.max(0, end - this.bufferStart));
    let at = this.bufferStart + first.length;
    for (let index = 1; at < end && index < this.buffers.length; index += 1) {
      const next = this.buffers[index] ?? '';
      text += next.slice(0, end - at);
      at += next.length;
    }
    return text;
  }

  private dropFirst(): void {
    const length = this.buffers.shift()?.length ?? 0;
    this.bufferStart += length;
    this.keptChars -= length;
  }
}
