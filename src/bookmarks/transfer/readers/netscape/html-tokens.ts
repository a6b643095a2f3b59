import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';

/** Gets tags and text in the order of the file. */
export interface HtmlSink {
  /** Whether text is wanted now; asked before each piece. */
  readonly wantsText: boolean;
  open(name: string, attributes: ReadonlyMap<string, string>, line: number): void;
  close(name: string): void;
  text(piece: string): void;
}

/** Kept of an attribute, UTF-16 units; a URL over LIMITS is still seen to be too long. */
const MAX_VALUE_LENGTH = 16 * 1024;
/** Of what was read before, so that a name or an entity torn between two writes can still be cut out. */
const KEPT_LENGTH = 64 * 1024;

/**
 * htmlparser2's tokenizer without its parser: that one keeps every open element in an array whose front it changes,
 * which takes quadratic time on files nested 100 000 deep, and gathers attributes without bound.
 */
export class HtmlTokens implements TokenizerCallbacks {
  private readonly tokenizer = new Tokenizer({}, this);
  private window = '';
  private windowStart = 0;
  private tagName = '';
  private attributes = new Map<string, string>();
  private attributeName = '';
  private value = '';
  private wanted = false;
  private line = 1;
  private countedTo = 0;

  /** Attributes other than `wantedNames` (lower case) are not kept. */
  constructor(
    private readonly sink: HtmlSink,
    private readonly wantedNames: ReadonlySet<string>,
  ) {}

  write(text: string): void {
    if (this.window.length > 2 * KEPT_LENGTH) {
      const dropped = this.window.length - KEPT_LENGTH;
      this.window = this.window.slice(dropped);
      this.windowStart += dropped;
    }
    this.window += text;
    this.tokenizer.write(text);
    this.countLines(this.windowStart + this.window.length);
  }

  end(): void {
    this.tokenizer.end();
  }

  onopentagname(start: number, end: number): void {
    this.countLines(start);
    this.tagName = this.slice(start, end).toLowerCase();
    this.attributes = new Map();
  }

  onattribname(start: number, end: number): void {
    this.attributeName = this.slice(start, end).toLowerCase();
    this.wanted = this.wantedNames.has(this.attributeName) && !this.attributes.has(this.attributeName);
    this.value = '';
  }

  onattribdata(start: number, end: number): void {
    if (this.wanted && this.value.length < MAX_VALUE_LENGTH) this.value += this.slice(start, end);
  }

  onattribentity(codePoint: number): void {
    if (this.wanted && this.value.length < MAX_VALUE_LENGTH) this.value += String.fromCodePoint(codePoint);
  }

  onattribend(): void {
    if (this.wanted) this.attributes.set(this.attributeName, this.value);
    this.wanted = false;
    this.value = '';
  }

  onopentagend(): void {
    this.sink.open(this.tagName, this.attributes, this.line);
  }

  onselfclosingtag(): void {
    this.onopentagend();
  }

  onclosetag(start: number, end: number): void {
    this.sink.close(this.slice(start, end).toLowerCase());
  }

  ontext(start: number, end: number): void {
    if (this.sink.wantsText) this.sink.text(this.slice(start, end));
  }

  ontextentity(codePoint: number): void {
    if (this.sink.wantsText) this.sink.text(String.fromCodePoint(codePoint));
  }

  /** So that an unclosed `<title>` or `<script>` does not swallow the rest of the file as its text. */
  isInForeignContext(): boolean {
    return true;
  }

  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onprocessinginstruction(): void {}

  private slice(start: number, end: number): string {
    return this.window.slice(Math.max(0, start - this.windowStart), Math.max(0, end - this.windowStart));
  }

  private countLines(offset: number): void {
    const end = offset - this.windowStart;
    for (let at = Math.max(0, this.countedTo - this.windowStart); ; at++) {
      at = this.window.indexOf('\n', at);
      if (at === -1 || at >= end) break;
      this.line += 1;
    }
    this.countedTo = Math.max(this.countedTo, offset);
  }
}
