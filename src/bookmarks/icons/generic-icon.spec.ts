import { describe, expect, it } from '@jest/globals';
import { differenceHash, hashDistance } from './difference-hash.js';
import { DEFAULTS, GLOBES, gridOf, LOGOS } from './drawn-icons.fixture.js';
import { GENERIC_HASHES } from './generic-hashes.js';
import { genericReason } from './generic-icon.js';
import { isGlobe } from './globe-shape.js';
import { GLYPH_BOX, glyphOf } from './letter-glyphs.js';
import { pictureFacts } from './picture-facts.js';

/** Those of icon files, and of phones. */
const SIZES = [16, 24, 32, 48, 180];

const svg = (body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">${body}</svg>`;

const reasonOf = async (drawing: string, side = 64): Promise<string | undefined> => {
  const grid = await gridOf(drawing, side);
  return genericReason(grid, pictureFacts(grid));
};

describe('a generic globe', () => {
  it.each(Object.entries(GLOBES))('%s: recognised at every size', async (_name, drawing) => {
    for (const side of SIZES) expect([side, isGlobe(await gridOf(drawing, side))]).toEqual([side, true]);
  });

  it('is recognised with other strokes, meridians and colours than those of the table', async () => {
    const missed: string[] = [];
    for (const stroke of [2.5, 3.5, 4.5]) {
      for (const bulge of [10, 13, 15]) {
        for (const colour of ['#000', '#777', '#1565c0']) {
          const lines = `<circle cx="32" cy="32" r="28"/><ellipse cx="32" cy="32" rx="${bulge}" ry="28"/><path d="M4 32H60"/>`;
          const drawing = svg(`<g fill="none" stroke="${colour}" stroke-width="${stroke}">${lines}</g>`);
          for (const side of [24, 48, 128])
            if ((await reasonOf(drawing, side)) === undefined)
              missed.push(`${stroke} ${bulge} ${colour} ${side}`);
        }
      }
    }
    expect(missed).toEqual([]);
  });
});

describe('the mark of a site', () => {
  it.each(Object.entries(LOGOS))('%s: passes at every size', async (_name, drawing) => {
    for (const side of SIZES) expect([side, await reasonOf(drawing, side)]).toEqual([side, undefined]);
  });

  it('passes as any letter: in a ring, in a disc, on a tile, alone', async () => {
    const refused: string[] = [];
    const characters = [...'ABCDEGHIMOQRSVWXYZ08ЖФЯΘΨ'];
    for (const character of characters) {
      const mark = (colour: string, scale: number): string =>
        `<path transform="translate(${32 - (GLYPH_BOX.width * scale) / 2} ${32 - (GLYPH_BOX.height * scale) / 2}) scale(${scale})" fill="none" stroke="${colour}" stroke-width="1.8" d="${glyphOf(character)}"/>`;
      const drawings = {
        ring: svg(
          `<circle cx="32" cy="32" r="28" fill="none" stroke="#333" stroke-width="4"/>${mark('#333', 2.6)}`,
        ),
        disc: svg(`<circle cx="32" cy="32" r="30" fill="#d33"/>${mark('#fff', 2.6)}`),
        tile: svg(`<rect width="64" height="64" fill="#fff"/>${mark('#06c', 3.4)}`),
        alone: svg(mark('#222', 4)),
      };
      for (const [name, drawing] of Object.entries(drawings))
        for (const side of [16, 64])
          if ((await reasonOf(drawing, side)) !== undefined) refused.push(`${character} ${name} ${side}`);
    }
    expect(refused).toEqual([]);
  });
});

describe('a blank picture', () => {
  it.each([
    ['nothing at all', svg('')],
    ['a transparent speck', svg('<rect x="30" y="30" width="3" height="3" fill="#000"/>')],
    ['one colour', svg('<rect width="64" height="64" fill="#3a7"/>')],
    ['white', svg('<rect width="64" height="64" fill="#fff"/>')],
    [
      'a tile with round corners and nothing on it',
      svg('<rect width="64" height="64" rx="12" fill="#37a"/>'),
    ],
    ['a veil', svg('<rect width="64" height="64" fill="#000" fill-opacity="0.5"/>')],
  ])('%s: refused', async (_name, drawing) => {
    expect(await reasonOf(drawing)).toBe('blank');
  });

  it('is not what has one colour and a shape', async () => {
    expect(await reasonOf(svg('<path d="M8 56L32 8L56 56Z" fill="#000"/>'))).toBeUndefined();
  });
});

describe('the table of known defaults', () => {
  it('holds every drawn default at every size', async () => {
    const missed: string[] = [];
    for (const [name, drawing] of Object.entries(DEFAULTS))
      for (const side of SIZES)
        if ((await reasonOf(drawing, side)) === undefined) missed.push(`${name} ${side}`);
    expect(missed).toEqual([]);
  });

  it('keeps a distance from every drawn logo', async () => {
    let nearest = 64;
    for (const drawing of Object.values(LOGOS)) {
      for (const side of SIZES) {
        const hash = differenceHash(await gridOf(drawing, side));
        for (const known of GENERIC_HASHES) nearest = Math.min(nearest, hashDistance(hash, known.hash));
      }
    }
    expect(nearest).toBeGreaterThanOrEqual(6);
  });

  it('is well-formed: 16 hexadecimal digits a line, each once', () => {
    const hashes = GENERIC_HASHES.map(({ hash }) => hash);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('the difference hash', () => {
  it('counts the bits that differ', () => {
    expect(hashDistance('0000000000000000', 'ffffffffffffffff')).toBe(64);
    expect(hashDistance('0123456789abcdef', '0123456789abcdee')).toBe(1);
    expect(hashDistance('0123456789abcdef', '0123456789abcdef')).toBe(0);
  });
});
