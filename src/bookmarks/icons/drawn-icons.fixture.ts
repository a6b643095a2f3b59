import sharp from 'sharp';
import { type IconGrid } from './icon-grid.js';
import { makeGrid } from './make-grid.js';

const svg = (body: string, viewBox = '0 0 64 64'): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="${viewBox}">${body}</svg>`;

const line = (body: string, colour: string, width: number): string =>
  svg(`<g fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round">${body}</g>`);

const MERIDIANS = '<ellipse cx="32" cy="32" rx="13" ry="28"/>';
const RING = '<circle cx="32" cy="32" r="28"/>';
const EQUATOR = '<path d="M4 32H60"/>';
const PARALLELS = '<path d="M8 20H56M8 44H56"/>';
const AXIS = '<path d="M32 4V60"/>';

/** Pictures of "some web site", as browsers, servers and icon sets draw it. */
export const GLOBES: Readonly<Record<string, string>> = {
  'ring, meridians, equator': line(RING + MERIDIANS + EQUATOR, '#333', 4),
  'thin grey, with axis and parallels': line(RING + MERIDIANS + EQUATOR + PARALLELS + AXIS, '#999', 2.5),
  'parallels and no equator': line(
    RING.replace('28', '27') + '<ellipse cx="32" cy="32" rx="12" ry="27"/><path d="M7 23H57M7 41H57"/>',
    '#5f6368',
    4,
  ),
  'two parallels and equator, bold': line(
    RING + '<ellipse cx="32" cy="32" rx="14" ry="28"/>' + EQUATOR + PARALLELS,
    '#000',
    3.5,
  ),
  'white lines on a blue disc': svg(
    `<circle cx="32" cy="32" r="30" fill="#4285f4"/><g fill="none" stroke="#fff" stroke-width="3.5"><ellipse cx="32" cy="32" rx="13" ry="30"/><path d="M2 32H62M6 18H58M6 46H58M32 2V62"/></g>`,
  ),
  'cut-out lines in a grey disc': svg(
    `<mask id="m"><rect width="64" height="64" fill="#fff"/><g fill="none" stroke="#000" stroke-width="4"><ellipse cx="32" cy="32" rx="14" ry="30"/><path d="M0 32H64M32 0V64"/></g></mask><circle cx="32" cy="32" r="30" fill="#8a8f98" mask="url(#m)"/>`,
  ),
  'on white, bent parallels': svg(
    `<rect width="64" height="64" fill="#fff"/><g fill="none" stroke="#7a7a7a" stroke-width="3.5">${RING}${MERIDIANS}${AXIS}<path d="M9 17Q32 26 55 17M9 47Q32 38 55 47"/>${EQUATOR}</g>`,
  ),
  'dark lines on a light blue disc': svg(
    `<circle cx="32" cy="32" r="29" fill="#cfe3ff" stroke="#1a4a9c" stroke-width="3"/><g fill="none" stroke="#1a4a9c" stroke-width="3"><ellipse cx="32" cy="32" rx="13" ry="29"/><path d="M3 32H61M32 3V61"/></g>`,
  ),
};

/** What servers, panels and browsers put where no icon is. */
export const DEFAULTS: Readonly<Record<string, string>> = {
  'empty page': svg(
    '<path d="M14 4H40L52 16V60H14Z" fill="#fff" stroke="#888" stroke-width="3"/><path d="M40 4V16H52" fill="#ddd" stroke="#888" stroke-width="3"/>',
  ),
  'written page': svg(
    '<path d="M14 4H40L52 16V60H14Z" fill="#fff" stroke="#888" stroke-width="3"/><path d="M40 4V16H52" fill="#ddd" stroke="#888" stroke-width="3"/><path d="M21 27H45M21 36H45M21 45H45" stroke="#888" stroke-width="3"/>',
  ),
  'broken picture': svg(
    '<rect x="6" y="10" width="52" height="44" fill="#fff" stroke="#999" stroke-width="4"/><circle cx="20" cy="24" r="5" fill="#999"/><path d="M10 50L26 32L36 42L46 28L56 50Z" fill="#999"/>',
  ),
  'folder of a panel': svg(
    '<path d="M4 14H26L32 20H60V54H4Z" fill="#f3c04a" stroke="#b98a1d" stroke-width="2"/>',
  ),
  ...GLOBES,
};

/** Marks that sites really have, drawn: letters in discs and squares, targets, balls, crosses, rings. */
export const LOGOS: Readonly<Record<string, string>> = {
  'letter W in a ring': svg(
    '<circle cx="32" cy="32" r="28" fill="none" stroke="#21759b" stroke-width="4"/><path d="M14 20L24 50L32 28L40 50L50 20" fill="none" stroke="#21759b" stroke-width="5"/>',
  ),
  'letter H in a dark disc': svg(
    '<circle cx="32" cy="32" r="30" fill="#1b1f3b"/><path d="M22 16V48M42 16V48M22 32H42" stroke="#fff" stroke-width="6"/>',
  ),
  'letter O': svg('<circle cx="32" cy="32" r="24" fill="none" stroke="#c00" stroke-width="9"/>'),
  'letter phi in a ring': line(
    RING + '<ellipse cx="32" cy="32" rx="13" ry="12"/><path d="M32 12V52"/>',
    '#222',
    4,
  ),
  'letter theta': line('<ellipse cx="32" cy="32" rx="24" ry="28"/><path d="M10 32H54"/>', '#222', 6),
  'letter e': svg('<path d="M10 32H54A22 24 0 1 0 46 50" fill="none" stroke="#0078d7" stroke-width="9"/>'),
  'cross-hair': line(RING + EQUATOR + AXIS, '#333', 4),
  target: line(RING + '<circle cx="32" cy="32" r="18"/><circle cx="32" cy="32" r="8"/>', '#c00', 5),
  'target with cross': line(RING + '<circle cx="32" cy="32" r="14"/>' + EQUATOR + AXIS, '#222', 3.5),
  basketball: svg(
    `<circle cx="32" cy="32" r="29" fill="#f58025"/><g fill="none" stroke="#222" stroke-width="3"><path d="M3 32H61M32 3V61M12 11Q28 32 12 53M52 11Q36 32 52 53"/></g>`,
  ),
  'ball with bent lines': svg(
    `<circle cx="32" cy="32" r="29" fill="#ea4c89"/><g fill="none" stroke="#fff" stroke-width="4"><path d="M22 5Q44 30 46 58M4 28Q40 30 54 14M12 54Q30 30 61 36"/></g>`,
  ),
  'tennis ball': svg(
    '<circle cx="32" cy="32" r="29" fill="#cde02b"/><path d="M10 12Q30 32 10 52M54 12Q34 32 54 52" fill="none" stroke="#fff" stroke-width="4"/>',
  ),
  'globe on a coloured tile': svg(
    `<rect width="64" height="64" rx="12" fill="#123a8c"/><g fill="none" stroke="#fff" stroke-width="3"><circle cx="32" cy="32" r="22"/><ellipse cx="32" cy="32" rx="10" ry="22"/><path d="M10 32H54"/></g>`,
  ),
  planet: svg(
    '<circle cx="32" cy="32" r="18" fill="#e8b04a"/><ellipse cx="32" cy="32" rx="30" ry="9" fill="none" stroke="#a06a10" stroke-width="4"/>',
  ),
  'letter A on a tile': svg(
    '<rect width="64" height="64" rx="10" fill="#e33"/><path d="M18 50L32 14L46 50M23 38H41" fill="none" stroke="#fff" stroke-width="6"/>',
  ),
  'letter M, transparent': svg(
    '<path d="M10 54V10L32 36L54 10V54" fill="none" stroke="#111" stroke-width="9"/>',
  ),
  'letter Y, thin': line('<path d="M14 10L32 34L50 10M32 34V56"/>', '#f60', 5),
  'letter g': line('<circle cx="30" cy="26" r="14"/><path d="M44 10V46Q44 58 30 58H20"/>', '#444', 6),
  disc: svg('<circle cx="32" cy="32" r="30" fill="#bc002d"/>'),
  'four squares': svg(
    '<path fill="#f25022" d="M4 4H30V30H4Z"/><path fill="#7fba00" d="M34 4H60V30H34Z"/><path fill="#00a4ef" d="M4 34H30V60H4Z"/><path fill="#ffb900" d="M34 34H60V60H34Z"/>',
  ),
  'camera lens': svg(
    '<rect x="4" y="4" width="56" height="56" rx="16" fill="none" stroke="#c13584" stroke-width="6"/><circle cx="32" cy="32" r="13" fill="none" stroke="#c13584" stroke-width="6"/><circle cx="47" cy="17" r="3" fill="#c13584"/>',
  ),
  'play button': svg(
    '<rect x="2" y="12" width="60" height="40" rx="10" fill="#f00"/><path d="M26 22L42 32L26 42Z" fill="#fff"/>',
  ),
  'sine in a ring': line(RING + '<path d="M8 32Q20 8 32 32T56 32"/>', '#06c', 4),
  compass: svg(
    '<circle cx="32" cy="32" r="28" fill="#fff" stroke="#1b88e6" stroke-width="5"/><path d="M46 18L36 36L28 28Z" fill="#f33"/><path d="M18 46L28 28L36 36Z" fill="#999"/>',
  ),
  'bars in a disc': svg(
    '<circle cx="32" cy="32" r="30" fill="#1db954"/><g fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round"><path d="M14 22Q34 16 50 26M16 33Q33 28 46 36M18 43Q32 39 42 45"/></g>',
  ),
};

/** The drawing as a PNG of this many pixels. */
export const drawn = (drawing: string, side = 64): Promise<Buffer> =>
  sharp(Buffer.from(drawing), { density: (72 * side) / 64 })
    .resize(side, side)
    .png()
    .toBuffer();

/** The grid of a drawing that a site published at this size. */
export const gridOf = async (drawing: string, side = 64): Promise<IconGrid> =>
  makeGrid(sharp, await drawn(drawing, side));
