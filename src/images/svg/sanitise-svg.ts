import { Parser } from 'htmlparser2';
import { PlimsollError } from '../../errors/index.js';
import { embeddedImagePixels } from './embedded-image.js';
import { SvgCostMeter } from './svg-cost.js';
import { safeCss } from './svg-css.js';
import { SVG_ATTRIBUTES, SVG_ELEMENTS, SVG_TEXT_ELEMENTS } from './svg-vocabulary.js';

/** Bounds of an SVG; all chosen: detailed maps and logos stay well below. */
export const SVG_LIMITS = Object.freeze({
  maxBytes: 2 * 1024 * 1024,
  maxElements: 20_000,
  maxDepth: 64,
  /** Work with every reference followed, in units of `svg-cost.ts`: some 20 s at a megapixel. */
  maxCostUnits: 20_000,
  /** Surfaces on top of each other, 4 bytes a pixel each: what the cost model counts for a complex SVG. */
  maxLayers: 8,
  /** Pixels of all embedded pictures together; each is decoded whole, 4 bytes a pixel. */
  maxEmbeddedPixels: 4_000_000,
});

const XLINK = 'http://www.w3.org/1999/xlink';
const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';

/**
 * The same drawing, rebuilt from an allow-list of elements and attributes: nothing that runs, no reference but to
 * fragments of itself and small embedded PNG, JPEG and WebP, no document type, no entities, no CSS that reaches out.
 * What is not on the list vanishes with its children.
 *
 * @throws PlimsollError `source-too-large` over the byte limit, `undecodable-image` over the others,
 *   `not-an-image` when the root is no `svg`.
 */
export function sanitiseSvg(bytes: Uint8Array): Buffer {
  if (bytes.length > SVG_LIMITS.maxBytes) {
    throw new PlimsollError(
      'source-too-large',
      `An SVG may have at most ${SVG_LIMITS.maxBytes} bytes, got ${bytes.length}.`,
    );
  }
  const writer = new SvgWriter();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => writer.open(name, attributes),
      onclosetag: () => writer.close(),
      ontext: (text) => writer.text(text),
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(new TextDecoder('utf-8').decode(bytes));
  return writer.finish();
}

function tooComplex(what: string): PlimsollError {
  return new PlimsollError('undecodable-image', `The SVG is too complex: ${what}.`);
}

// eslint-disable-next-line no-control-regex -- these are what XML 1.0 cannot hold
const NOT_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

const escape = (text: string): string =>
  text
    .replace(NOT_XML, '')
    .replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? '&quot;');

/** Writes allowed elements while counting them; an element that is not allowed is skipped until it closes. */
class SvgWriter {
  private readonly out: string[] = [];
  /** Names of the open elements that were written; `undefined` for one whose tag is left out and whose children stay. */
  private readonly stack: (string | undefined)[] = [];
  private skippedDepth = 0;
  private elements = 0;
  private embeddedPixels = 0;
  private done = false;
  private sheet: string | undefined;
  private readonly cost = new SvgCostMeter();

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.count();
    if (this.skippedDepth > 0 || this.done) {
      this.skippedDepth += 1;
      return;
    }
    if (this.stack.length === 0 && name !== 'svg') {
      throw new PlimsollError('not-an-image', 'The bytes look like XML whose root is not svg.');
    }
    if (name === 'a') {
      this.stack.push(undefined);
      return;
    }
    if (!SVG_ELEMENTS.has(name) || this.sheet !== undefined) {
      this.skippedDepth = 1;
      return;
    }
    const namespaces = this.stack.length === 0 ? ` xmlns="${SVG_NAMESPACE}" xmlns:xlink="${XLINK}"` : '';
    this.stack.push(name);
    if (name === 'style') this.sheet = '';
    else {
      const written = this.attributes(name, attributes);
      this.cost.begin(name, written);
      this.out.push(`<${name}${namespaces}${written}>`);
    }
  }

  close(): void {
    if (this.skippedDepth > 0) {
      this.skippedDepth -= 1;
      return;
    }
    const name = this.stack.pop();
    if (name === 'style') {
      const css = safeCss(this.sheet ?? '');
      this.sheet = undefined;
      if (css !== undefined && css.trim() !== '') {
        this.cost.sheet(css);
        this.out.push(`<style>${escape(css)}</style>`);
      }
    } else if (name !== undefined) {
      this.cost.end();
      this.out.push(`</${name}>`);
    }
    this.done ||= this.stack.length === 0;
  }

  text(text: string): void {
    if (this.skippedDepth > 0) return;
    if (this.sheet !== undefined) this.sheet += text;
    else if (SVG_TEXT_ELEMENTS.has(this.stack.findLast((name) => name !== undefined) ?? ''))
      this.out.push(escape(text));
  }

  finish(): Buffer {
    if (this.out.length === 0)
      throw new PlimsollError('not-an-image', 'The bytes look like XML whose root is not svg.');
    const cost = this.cost.total();
    if (cost === undefined) throw tooComplex('its references run in a circle or too deep');
    if (cost.units > SVG_LIMITS.maxCostUnits)
      throw tooComplex('filters, layers and references cost too much to draw');
    if (cost.layers > SVG_LIMITS.maxLayers)
      throw tooComplex(`more than ${SVG_LIMITS.maxLayers} layers on top of each other`);
    return Buffer.from(this.out.join(''), 'utf8');
  }

  private count(): void {
    this.elements += 1;
    if (this.elements > SVG_LIMITS.maxElements)
      throw tooComplex(`more than ${SVG_LIMITS.maxElements} elements`);
    if (this.stack.length + this.skippedDepth >= SVG_LIMITS.maxDepth)
      throw tooComplex(`deeper than ${SVG_LIMITS.maxDepth} elements`);
  }

  private attributes(element: string, attributes: Readonly<Record<string, string>>): string {
    let written = '';
    for (const [name, value] of Object.entries(attributes)) {
      if (name === 'href' || name === 'xlink:href') {
        if (this.isSafeReference(element, value.trim())) written += ` xlink:href="${escape(value.trim())}"`;
        continue;
      }
      if (!SVG_ATTRIBUTES.has(name) && name !== 'xml:space' && name !== 'xml:lang') continue;
      const safe = safeCss(value);
      if (safe !== undefined) written += ` ${name}="${escape(safe)}"`;
    }
    // Two spellings of one reference would be a duplicate attribute, and that is not XML.
    return written.replace(/( xlink:href="[^"]*")(.*) xlink:href="[^"]*"/s, '$1$2');
  }

  private isSafeReference(element: string, value: string): boolean {
    if (/^#[\w.:-]+$/.test(value)) return true;
    if (element !== 'image') return false;
    const pixels = embeddedImagePixels(value);
    if (pixels === undefined) return false;
    this.embeddedPixels += pixels;
    if (this.embeddedPixels > SVG_LIMITS.maxEmbeddedPixels) {
      throw tooComplex(`embedded pictures of more than ${SVG_LIMITS.maxEmbeddedPixels} pixels`);
    }
    return true;
  }
}
