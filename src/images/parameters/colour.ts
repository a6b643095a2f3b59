import type { Colour } from '../image-request.js';

/** The sixteen names of CSS 2, `orange` and `transparent`; whoever wants more writes hex. */
const NAMED: Readonly<Record<string, string>> = {
  aqua: '00ffff',
  black: '000000',
  blue: '0000ff',
  cyan: '00ffff',
  fuchsia: 'ff00ff',
  gray: '808080',
  green: '008000',
  grey: '808080',
  lime: '00ff00',
  magenta: 'ff00ff',
  maroon: '800000',
  navy: '000080',
  olive: '808000',
  orange: 'ffa500',
  purple: '800080',
  red: 'ff0000',
  silver: 'c0c0c0',
  teal: '008080',
  transparent: '00000000',
  white: 'ffffff',
  yellow: 'ffff00',
};

/** A colour from `fff`, `#ffff`, `ffffff`, `ffffff80` or a name; `undefined` when it is none. */
export function parseColour(text: string): Colour | undefined {
  const lower = text.toLowerCase();
  const hex = Object.hasOwn(NAMED, lower) ? NAMED[lower] : lower.replace(/^#/, '');
  if (hex === undefined || !/^(?:[\da-f]{3,4}|[\da-f]{6}|[\da-f]{8})$/.test(hex)) return undefined;
  const full = hex.length <= 4 ? [...hex].map((digit) => digit + digit).join('') : hex;
  const channel = (index: number): number => Number.parseInt(full.slice(2 * index, 2 * index + 2), 16);
  return Object.freeze({
    r: channel(0),
    g: channel(1),
    b: channel(2),
    alpha: full.length === 8 ? channel(3) / 255 : 1,
  });
}

/** `rrggbb`, or `rrggbbaa` where it is not opaque: the inverse of {@link parseColour}. */
export function formatColour({ r, g, b, alpha }: Colour): string {
  const hex = (value: number): string => Math.round(value).toString(16).padStart(2, '0');
  return hex(r) + hex(g) + hex(b) + (alpha === 1 ? '' : hex(alpha * 255));
}

/** `colour` laid on white, opaque: what a format without alpha shows of it. */
export function overWhite({ r, g, b, alpha }: Colour): Colour {
  const blend = (value: number): number => Math.round(value * alpha + 255 * (1 - alpha));
  return { r: blend(r), g: blend(g), b: blend(b), alpha: 1 };
}
