import { createHash } from 'node:crypto';
import { contrast, luminance } from './icon-grid.js';
import { GLYPH_BOX, glyphOf } from './letter-glyphs.js';
import { siteLabel } from './site-label.js';

/** White on the ground reaches this contrast (WCAG 2.2, AA for text). */
const LEAST_CONTRAST = 4.5;

/** Side of the drawing's coordinates; it is drawn at any size. */
const SIDE = 64;

const GLYPH_HEIGHT = 32;
const STROKE = 2.3;

type Rgb = readonly [red: number, green: number, blue: number];

/** The ground of a site's letter icon: a hue by hash of its name, darkened until white stands out on it. */
export function letterColour(hostname: string): Rgb {
  const hash = createHash('sha256').update(hostname).digest();
  const hue = (hash.readUInt16BE(0) / 65_536) * 360;
  const saturation = 0.5 + ((hash[2] ?? 0) / 255) * 0.25;
  for (let lightness = 0.5; lightness > 0.1; lightness -= 0.02) {
    const colour = fromHsl(hue, saturation, lightness);
    if (contrast(1, luminance(...colour)) >= LEAST_CONTRAST) return colour;
  }
  return [40, 40, 40];
}

/**
 * The last answer for a site without an icon: the initial of its name in white on a colour of its own, as SVG. Needs
 * no font; an initial of a script that is not drawn here gives way to a symmetric pattern by hash.
 */
export function letterIcon(hostname: string): Buffer {
  const [red, green, blue] = letterColour(hostname);
  const initial = [...siteLabel(hostname)].map(glyphOf).find((glyph) => glyph !== undefined);
  const mark = initial === undefined ? pattern(hostname) : letter(initial);
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}" viewBox="0 0 ${SIDE} ${SIDE}">` +
      `<rect width="${SIDE}" height="${SIDE}" rx="12" fill="rgb(${red},${green},${blue})"/>${mark}</svg>`,
  );
}

function letter(strokes: string): string {
  const scale = GLYPH_HEIGHT / GLYPH_BOX.height;
  const x = (SIDE - GLYPH_BOX.width * scale) / 2;
  const y = (SIDE - GLYPH_HEIGHT) / 2;
  return (
    `<path transform="translate(${x.toFixed(2)} ${y}) scale(${scale.toFixed(4)})" fill="none" stroke="#fff" ` +
    `stroke-width="${STROKE}" stroke-linecap="round" stroke-linejoin="round" d="${strokes}"/>`
  );
}

/** Five by five cells, left and right alike; never empty. */
function pattern(hostname: string): string {
  const hash = createHash('sha256').update(`pattern:${hostname}`).digest();
  const cell = 8;
  const start = (SIDE - 5 * cell) / 2;
  let path = '';
  for (let row = 0; row < 5; row += 1) {
    for (let column = 0; column < 3; column += 1) {
      const isCentre = row === 2 && column === 2;
      if (!isCentre && ((hash[row * 3 + column] ?? 0) & 1) === 0) continue;
      for (const place of new Set([column, 4 - column])) {
        path += `M${start + place * cell} ${start + row * cell}h${cell}v${cell}h-${cell}z`;
      }
    }
  }
  return `<path fill="#fff" d="${path}"/>`;
}

/** Hue in degrees, the others from 0 to 1; channels 0 to 255. */
function fromHsl(hue: number, saturation: number, lightness: number): Rgb {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number): number => {
    const part = (offset + hue / 30) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(part - 3, 9 - part, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
