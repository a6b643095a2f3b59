/**
 * Strokes of capital letters and digits in a box of 10 × 14, drawn here so that a server without fonts has them too.
 * Centre lines: whoever draws them chooses the width.
 */
const STROKES: Readonly<Record<string, string>> = {
  A: 'M0 14L5 0L10 14M1.8 9H8.2',
  B: 'M1 0V14H5.5A3.6 3.6 0 0 0 5.5 6.8H1M5 6.8A3.4 3.4 0 0 0 5 0H1',
  C: 'M9.6 2.8A5 6.8 0 1 0 9.6 11.2',
  D: 'M1 0V14H3.5A6 7 0 0 0 3.5 0Z',
  E: 'M9 0H1V14H9M1 6.8H7.5',
  F: 'M9 0H1V14M1 6.8H7.5',
  G: 'M9.4 2.6A5 6.8 0 1 0 10 8V7.4H6',
  H: 'M1 0V14M9 0V14M1 7H9',
  I: 'M5 0V14M2 0H8M2 14H8',
  J: 'M8.5 0V10A3.9 4 0 0 1 .7 10',
  K: 'M1 0V14M9.4 0L1 8.6M3.8 5.8L9.8 14',
  L: 'M1.4 0V14H9',
  M: 'M.4 14V0L5 8.5L9.6 0V14',
  N: 'M1 14V0L9 14V0',
  O: 'M5 0A5 7 0 1 0 5 14A5 7 0 1 0 5 0Z',
  P: 'M1 14V0H5.5A3.9 3.9 0 0 1 5.5 7.8H1',
  Q: 'M5 0A5 7 0 1 0 5 14A5 7 0 1 0 5 0ZM6 10L10 14.4',
  R: 'M1 14V0H5.5A3.7 3.7 0 0 1 5.5 7.4H1M5.4 7.4L9.6 14',
  S: 'M9 2.4C8 .7 6.6 0 5 0C2.6 0 .9 1.5.9 3.5C.9 8.3 9.3 5.6 9.3 10.4C9.3 12.5 7.5 14 5 14C3.2 14 1.6 13.2.6 11.4',
  T: 'M0 0H10M5 0V14',
  U: 'M1 0V9.6A4 4.4 0 0 0 9 9.6V0',
  V: 'M0 0L5 14L10 0',
  W: 'M-.8 0L2 14L5 4L8 14L10.8 0',
  X: 'M.6 0L9.4 14M9.4 0L.6 14',
  Y: 'M0 0L5 7.2L10 0M5 7.2V14',
  Z: 'M.8 0H9.2L.8 14H9.4',
  '0': 'M5 0A4.6 7 0 1 0 5 14A4.6 7 0 1 0 5 0Z',
  '1': 'M2 3L5.6 0V14M2.4 14H8.6',
  '2': 'M1 3.6A4 3.7 0 0 1 9 3.8C9 6.4 5 9 1 14H9.2',
  '3': 'M1.2 2.2A3.8 3.3 0 1 1 5 6.6A4.2 3.7 0 1 1 .8 11.8',
  '4': 'M7.4 14V0L.6 9.8H10',
  '5': 'M8.6 0H2L1.4 6.4A4.3 4.2 0 1 1 .9 12.2',
  '6': 'M8.4 1.3C4.4-1.2.8 3 .8 9.5A4.2 4.5 0 1 0 9.2 9.5A4.2 4.5 0 0 0 .8 9.5',
  '7': 'M.8 0H9.2L3.6 14',
  '8': 'M5 6.6A3.6 3.3 0 1 1 5.01 6.6A4.2 3.7 0 1 1 5 6.6Z',
  '9': 'M1.6 12.7C5.6 15.2 9.2 11 9.2 4.5A4.2 4.5 0 1 0 .8 4.5A4.2 4.5 0 0 0 9.2 4.5',
  // Cyrillic and Greek that Latin has no shape for
  Б: 'M8.4 0H1V14H5.2A4 3.9 0 0 0 5.2 6.2H1',
  Г: 'M9 0H1.4V14',
  Д: 'M0 14.6V12H10V14.6M1.4 12C2.8 8.6 3 4 3 0H8.6V12',
  Ж: 'M5 0V14M0 0L5 7L0 14M10 0L5 7L10 14',
  И: 'M1 0V14L9 0V14',
  Л: 'M0 14C2.4 14 3 8 3 0H9V14',
  П: 'M1 14V0H9V14',
  У: 'M.6 0L5.2 8.4M9.8 0L5 10.4C4 13 2.6 14 1 14',
  Ф: 'M5 0V14M5 2.4A4.6 4.4 0 1 0 5 11.2A4.6 4.4 0 1 0 5 2.4Z',
  Ц: 'M.8 0V12H8.6M8 0V12H10V14.8',
  Ч: 'M1 0V4.6A3.4 3.4 0 0 0 4.4 8H9M9 0V14',
  Ш: 'M0 0V14H10V0M5 0V14',
  Щ: 'M0 0V12H9V0M4.5 0V12M9 12H10.6V14.8',
  Ы: 'M.4 0V14H3A3.3 3.6 0 0 0 3 6.8H.4M9.8 0V14',
  Ь: 'M1.4 0V14H5A3.8 3.8 0 0 0 5 6.4H1.4',
  Э: 'M.6 2.6A5 6.8 0 1 1 .6 11.4M3.4 7H9.6',
  Ю: 'M.2 0V14M.2 7H3.2M6.8 0A3.6 7 0 1 0 6.8 14A3.6 7 0 1 0 6.8 0Z',
  Я: 'M9 14V0H4.5A3.7 3.7 0 0 0 4.5 7.4H9M4.6 7.4L.4 14',
  Δ: 'M.2 14L5 0L9.8 14Z',
  Θ: 'M5 0A5 7 0 1 0 5 14A5 7 0 1 0 5 0ZM2.6 7H7.4',
  Λ: 'M.2 14L5 0L9.8 14',
  Ξ: 'M.8 0H9.2M2 7H8M.8 14H9.2',
  Σ: 'M9 0H1L5.4 7L1 14H9.2',
  Ψ: 'M5 0V14M.4 0V3.4A4.6 5 0 0 0 9.6 3.4V0',
  Ω: 'M.4 14H3.4C1.6 12 .6 9.4.6 6.6A4.4 6.6 0 0 1 9.4 6.6C9.4 9.4 8.4 12 6.6 14H9.6',
};

/** Letters with the shape of another one, in pairs. */
const SAME_SHAPE =
  'АAВBЕEЗ3КKМMНHОOРPСCТTХXЁEІIЇIЈJЅSЄCЙИЪЬҐГΑAΒBΓГΕEΖZΗHΙIΚKΜMΝNΟOΠПΡPΤTΥYΦФΧXẞSÆAŒOØOĐDŁLÞPÐD';

const SHAPES: ReadonlyMap<string, string> = new Map(
  (SAME_SHAPE.match(/../gu) ?? []).map((pair) => [...pair] as [string, string]),
);

/** Width and height of the box that the strokes are drawn in. */
export const GLYPH_BOX = { width: 10, height: 14 } as const;

/** The strokes of a character, accents left away, small letters as capitals; `undefined` for a script that is not drawn here. */
export function glyphOf(character: string): string | undefined {
  const capital = character.toUpperCase();
  for (const form of [capital, capital.normalize('NFD')]) {
    const first = [...form][0] ?? '';
    const known = STROKES[SHAPES.get(first) ?? first];
    if (known !== undefined) return known;
  }
  return undefined;
}
