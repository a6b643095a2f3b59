import { readBodyImage } from './body-image.js';
import { Findings } from './findings.js';
import { metaNames, readLink } from './head-tags.js';
import { MAX_JSON_LD_CHARS } from './json-ld.js';
import { MAX_NAME_CHARS, cleanText } from './page-text.js';
import type { Attributes, TagHandler } from './tag-stream.js';
import { TextCapture } from './text-capture.js';
import { WallSignals } from './wall-signals.js';

/** Tags whose attributes say something. */
const WANTED: ReadonlySet<string> = new Set(
  'html meta link base script img amp-img input form iframe time abbr'.split(' '),
);

/** Tags that no head holds: the first of them begins the body where `<body>` is not written. */
const FLOW: ReadonlySet<string> = new Set(
  'body div p h1 h2 main section article header nav a table form ul span'.split(' '),
);

/** Elements whose text nobody sees. */
const HIDDEN: ReadonlySet<string> = new Set(
  'script style title textarea iframe noembed noframes template'.split(' '),
);

/** Microdata that is read from elements other than `<meta>`, with the name under which it is kept. */
const ITEMS: ReadonlySet<string> = new Set(['headline', 'author', 'datepublished', 'publisher', 'image']);

/** Beginning of an inline script that is looked at for marks of walls, characters; and how many scripts. */
const SCRIPT_CHARS = 1_024;
const MAX_SCRIPTS = 12;

/** Most texts that are gathered at once. */
const MAX_CAPTURES = 6;

/** Finds in a page, tag by tag, what it says about itself. */
export class PageScanner implements TagHandler {
  readonly findings = new Findings();
  readonly signals = new WallSignals();
  private captures: TextCapture[] = [];
  private hidden: string | undefined;
  private noscripts = 0;
  private scripts = 0;
  private inContent = false;
  private headOver = false;

  /** @param onHeadEnd called once, when no more of the head can come */
  constructor(private readonly onHeadEnd: () => void) {}

  get wantsText(): boolean {
    return this.captures.length > 0 || (this.hidden === undefined && !this.signals.hasText);
  }

  /** Whether the head is over. */
  get isInBody(): boolean {
    return this.headOver;
  }

  wantsAttributes(name: string): boolean {
    return WANTED.has(name);
  }

  onText(text: string): void {
    if (this.hidden === undefined) this.signals.sawText(text);
    if (this.captures.length === 0) return;
    this.captures = this.captures.filter((capture) => {
      if (capture.add(text)) return true;
      capture.done();
      return false;
    });
  }

  onOpen(name: string, attributes: Attributes): void {
    if (this.isInTemplate(name)) return;
    for (const capture of this.captures) capture.opened(name);
    if (HIDDEN.has(name)) this.hidden ??= name;
    if (attributes.size > 0) {
      const item = attributes.get('itemprop');
      if (item !== undefined && name !== 'meta') this.onItem(item, name, attributes);
      if (name === 'a' && attributes.get('rel') === 'author') {
        this.capture(name, MAX_NAME_CHARS, (text) => {
          this.findings.authorLink ??= cleanText(text, MAX_NAME_CHARS);
        });
      }
    }
    if (!this.headOver && this.noscripts === 0 && FLOW.has(name)) this.endHead();
    this.onTag(name, attributes);
  }

  onClose(name: string): void {
    if (this.hidden === name) this.hidden = undefined;
    if (name === 'noscript') this.noscripts = Math.max(0, this.noscripts - 1);
    if (name === 'head' && !this.headOver) this.endHead();
    if (this.captures.length === 0) return;
    this.captures = this.captures.filter((capture) => {
      if (!capture.closed(name)) return true;
      capture.done();
      return false;
    });
  }

  /** The page is over: what was open counts as closed. */
  end(): void {
    for (const capture of this.captures) capture.done();
    this.captures = [];
  }

  /** What a template holds is not in the page; one that nobody closes ends where the body begins. */
  private isInTemplate(name: string): boolean {
    if (this.hidden !== 'template') return false;
    if (name === 'body') this.hidden = undefined;
    return this.hidden === 'template';
  }

  private onTag(name: string, attributes: Attributes): void {
    switch (name) {
      case 'html':
        this.findings.language ??= cleanText(attributes.get('lang') ?? attributes.get('xml:lang'), 35);
        break;
      case 'meta':
        this.onMeta(attributes);
        break;
      case 'link':
        readLink(attributes, this.findings);
        break;
      case 'base':
        this.findings.baseHref ??= cleanText(attributes.get('href'), 4_096);
        break;
      case 'title':
        if (this.findings.title === undefined) {
          this.capture(name, 2_000, (text) => {
            this.findings.title ??= cleanText(text, 1_000);
          });
        }
        break;
      case 'h1':
        if (this.findings.h1 === undefined) {
          this.capture(name, 2_000, (text) => {
            this.findings.h1 ??= cleanText(text, 1_000);
          });
        }
        break;
      case 'script':
        this.onScript(attributes);
        break;
      case 'img':
      case 'amp-img':
        if (this.headOver) this.findings.bodyImage ??= readBodyImage(attributes, this.inContent);
        break;
      case 'iframe':
        this.signals.sawCode(attributes.get('src') ?? '');
        break;
      case 'form':
        this.signals.sawForm((attributes.get('action') ?? '').slice(0, SCRIPT_CHARS));
        break;
      case 'input':
        if (attributes.get('type')?.toLowerCase() === 'password') this.signals.sawPassword();
        break;
      case 'time':
        if (this.inContent || attributes.has('pubdate'))
          this.findings.time ??= cleanText(attributes.get('datetime'), 80);
        break;
      case 'noscript':
        this.noscripts += 1;
        break;
      case 'article':
      case 'main':
        this.inContent = true;
        break;
      default:
    }
  }

  private onMeta(attributes: Attributes): void {
    const content = attributes.get('content');
    if (content === undefined || content === '') return;
    const item = attributes.get('itemprop')?.trim().toLowerCase();
    if (item !== undefined) {
      const outer = this.captures.at(-1);
      if (item === 'name' && outer !== undefined && isThing(outer)) outer.name(content);
      else this.findings.addMeta(`itemprop:${item}`, content);
    }
    for (const name of metaNames(attributes)) {
      if (name === 'robots') this.signals.sawRobots(content.slice(0, 200));
      // The page of one vendor's challenge says so here.
      if (name === 'description' && content.length < 40) this.signals.sawCode(content);
      this.findings.addMeta(name, content);
    }
  }

  private onScript(attributes: Attributes): void {
    const source = attributes.get('src');
    if (source !== undefined) this.signals.sawCode(source);
    if (/^\s*application\/ld\+json\b/i.test(attributes.get('type') ?? '')) {
      this.capture('script', MAX_JSON_LD_CHARS, (text) => {
        if (text.length < MAX_JSON_LD_CHARS) this.findings.addLd(text);
      });
    } else if (source === undefined && this.scripts < MAX_SCRIPTS) {
      this.scripts += 1;
      this.capture('script', SCRIPT_CHARS, (text) => this.signals.sawCode(text));
    }
  }

  private onItem(itemprop: string, tag: string, attributes: Attributes): void {
    for (const item of itemprop.toLowerCase().split(/\s+/)) {
      if (item === 'name') this.onItemName(tag, attributes.get('content'));
      if (!ITEMS.has(item)) continue;
      // The heading of the page; a headline elsewhere may be that of a list, or of the site.
      const isHeading =
        item === 'headline' && (tag === 'h1' || this.captures.some((outer) => outer.tag === 'h1'));
      const key = isHeading ? 'h1:headline' : `body:${item}`;
      const value =
        attributes.get('datetime') ??
        attributes.get('content') ??
        (tag === 'abbr' ? attributes.get('title') : undefined);
      if (value !== undefined) this.findings.addMeta(key, value);
      else if (item === 'image')
        this.findings.addMeta(key, attributes.get('src') ?? attributes.get('href') ?? '');
      else if (tag !== 'img' && tag !== 'link' && this.findings.all(key).length === 0) {
        this.capture(tag, 1_000, (text) => this.findings.addMeta(key, text));
      }
    }
  }

  /** The name of the thing that is being read: of the author, not of the page. */
  private onItemName(tag: string, content: string | undefined): void {
    const outer = this.captures.at(-1);
    if (outer === undefined || !isThing(outer)) return;
    if (content !== undefined) outer.name(content);
    else this.capture(tag, MAX_NAME_CHARS, (text) => outer.name(text));
  }

  private capture(tag: string, maxChars: number, onDone: (text: string) => void): void {
    // The inner one ends first, so that an outer one can take its name.
    if (this.captures.length < MAX_CAPTURES) this.captures.unshift(new TextCapture(tag, maxChars, onDone));
  }

  private endHead(): void {
    this.headOver = true;
    this.onHeadEnd();
  }
}

/** Whether what is being read has a name of its own (microdata's author), as a heading has not. */
const isThing = ({ tag }: TextCapture): boolean => tag !== 'h1' && tag !== 'title' && tag !== 'script';
