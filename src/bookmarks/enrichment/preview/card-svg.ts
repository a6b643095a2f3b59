import { cleanText } from '../../extract/page-text.js';
import { letterColour, letterIcon } from '../../icons/letter-icon.js';

/** Size of the card, pixels: what og:image recommends. */
export const CARD = { width: 1200, height: 630 } as const;

/** What stands on a card. */
export interface CardText {
  readonly host: string;
  readonly title: string | null;
}

const MARGIN = 80;
const TITLE_SIZE = 60;
const TITLE_LINES = 3;

/** Width of the title line, in widths of an average letter of this size (0.6 of it, bold sans-serif). */
const TITLE_UNITS = (CARD.width - 2 * MARGIN) / (0.6 * TITLE_SIZE);

/** Width of the host's line in the same way, at its size, beside the letter. */
const HOST_UNITS = 36;

/** How much darker the card is than the letter icon on it. */
const GROUND_SHADE = 0.55;

const MAX_TITLE_CHARS = 200;

/** Letters as wide as they are high: CJK, Hangul, full-width forms, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\u{1f000}-\u{1ffff}]/u;

/** Drawn by us from text alone: no reference, no markup of others. */
export function cardSvg({ host, title }: CardText): string {
  const lines = wrap(printable(title ?? ''), TITLE_UNITS, TITLE_LINES).map(
    (line, index) =>
      `<text x="${MARGIN}" y="${340 + index * 80}" font-size="${TITLE_SIZE}">${escape(line)}</text>`,
  );
  // The letter is drawn as a path: it is there on a server without fonts too.
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${CARD.width}" height="${CARD.height}" viewBox="0 0 ${CARD.width} ${CARD.height}">
<rect width="${CARD.width}" height="${CARD.height}" fill="${groundOf(host)}"/>
<g transform="translate(${MARGIN} ${MARGIN}) scale(2.25)">${letterIcon(host).toString()}</g>
<g font-family="DejaVu Sans, Noto Sans, Liberation Sans, Arial, sans-serif" fill="#ffffff">
<text x="${MARGIN + 176}" y="168" font-size="40">${escape(fit(printable(host), HOST_UNITS))}</text>
<g font-weight="bold">${lines.join('')}</g>
</g>
</svg>`;
}

/** The colour of the host's letter icon, darker: white letters stand on it. */
function groundOf(host: string): string {
  const shade = letterColour(host).map((channel) => Math.round(channel * GROUND_SHADE));
  return `rgb(${shade.join(',')})`;
}

/** Without what XML forbids and what turns the direction of text around. */
function printable(text: string): string {
  return (cleanText(text, MAX_TITLE_CHARS) ?? '').replace(/\p{Cf}/gu, '');
}

const unitsOf = (text: string): number =>
  [...text].reduce((units, letter) => units + (WIDE.test(letter) ? 1.67 : 1), 0);

/** Cut at this many units, with an ellipsis. */
function fit(text: string, units: number): string {
  if (unitsOf(text) <= units) return text;
  let shown = '';
  for (const letter of text) {
    if (unitsOf(shown + letter) > units - 1) break;
    shown += letter;
  }
  return `${shown.trimEnd()}…`;
}

/** Lines of whole words where possible; the last one is cut. */
function wrap(text: string, units: number, most: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest !== '' && lines.length < most - 1) {
    const line = headOf(rest, units);
    lines.push(line.trim());
    rest = rest.slice(line.length).trimStart();
  }
  if (rest !== '') lines.push(fit(rest, units));
  return lines;
}

/** As much of the text as fits, up to the last space if there is one. */
function headOf(text: string, units: number): string {
  let head = '';
  for (const letter of text) {
    if (unitsOf(head + letter) > units) {
      const space = head.lastIndexOf(' ');
      return space > 0 ? head.slice(0, space) : head;
    }
    head += letter;
  }
  return head;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const escape = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? '');
