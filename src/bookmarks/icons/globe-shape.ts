import { GRID_SIDE, luminance, type IconGrid } from './icon-grid.js';

/** One value per cell, 0 to 1. */
type Field = Float32Array;

/** Ink from here on belongs to the drawing. */
const INK = 0.3;

/** The drawing is at least this large, cells; smaller ones are blurred dots. */
const SMALLEST_DISC = 26;

/** Grounds at least this light: a globe on a coloured tile is somebody's logo. */
const LIGHT_GROUND = 0.5;

/** How much a line must differ from what lies on both sides of it. */
const LINE_CONTRAST = 0.1;

/** Share of a line's points that must be line. */
const LINE_SHARE = 0.72;

const ANGLES = 72;

/** Share of the angles at which the circle is met: lines that are cut out of a disc cut its edge too; a square meets 0.55. */
const ROUND_SHARE = 0.8;

/** Share of a meridian's points that may be missing; between the rings of a target a fifth is. */
const GAP_SHARE = 0.08;

/** From here on a meridian is near its pole; a ring inside the disc has closed by then. */
const POLAR = 0.48;
const POLAR_SHARE = 0.6;

/** Where a disc lies in the grid, cells. */
interface Disc {
  readonly x: number;
  readonly y: number;
  readonly rx: number;
  readonly ry: number;
}

/**
 * The picture that stands for "some web site": a disc or ring with meridians, and an equator or parallels, in lines
 * darker or lighter than the disc, on a light or transparent ground. A cross-hair, a target or a ball has no pair of
 * meridians that run from pole to pole.
 */
export function isGlobe({ rgba }: IconGrid): boolean {
  const ground = groundOf(rgba);
  if (ground === undefined) return false;
  const ink = inkField(rgba, ground);
  const disc = discOf(ink);
  if (disc === undefined || !isRound(ink, disc)) return false;
  return [ink, toneField(rgba)].some((field) => [1, -1].some((sign) => hasGlobeLines(field, disc, sign)));
}

type Ground = 'transparent' | readonly [number, number, number];

/** Colour of the corners, or `undefined` when they are no light ground. */
function groundOf(rgba: Uint8Array): Ground | undefined {
  const last = GRID_SIDE - 2;
  const corners = [
    [1, 1],
    [last, 1],
    [1, last],
    [last, last],
  ].map(([x = 0, y = 0]) => (y * GRID_SIDE + x) * 4);
  if (corners.every((at) => (rgba[at + 3] ?? 0) < 64)) return 'transparent';
  const mean = (offset: number): number =>
    corners.reduce((sum, at) => sum + (rgba[at + offset] ?? 0), 0) / corners.length;
  if (mean(3) < 200) return undefined;
  const colour = [mean(0), mean(1), mean(2)] as const;
  return luminance(...colour) >= LIGHT_GROUND ? colour : undefined;
}

function fieldOf(value: (cell: number) => number): Field {
  const field = new Float32Array(GRID_SIDE ** 2);
  for (let cell = 0; cell < field.length; cell += 1) field[cell] = value(cell);
  return field;
}

function inkField(rgba: Uint8Array, ground: Ground): Field {
  return fieldOf((cell) => {
    const at = cell * 4;
    const alpha = (rgba[at + 3] ?? 0) / 255;
    if (ground === 'transparent') return alpha;
    const [red, green, blue] = ground;
    const distance = Math.max(
      Math.abs(red - (rgba[at] ?? 0)),
      Math.abs(green - (rgba[at + 1] ?? 0)),
      Math.abs(blue - (rgba[at + 2] ?? 0)),
    );
    return alpha * Math.min(1, distance / 128);
  });
}

/** Darkness over white. */
function toneField(rgba: Uint8Array): Field {
  return fieldOf((cell) => {
    const at = cell * 4;
    const grey = 0.3 * (rgba[at] ?? 0) + 0.59 * (rgba[at + 1] ?? 0) + 0.11 * (rgba[at + 2] ?? 0);
    return ((255 - grey) / 255) * ((rgba[at + 3] ?? 0) / 255);
  });
}

function discOf(ink: Field): Disc | undefined {
  let [left, top, right, bottom] = [GRID_SIDE, GRID_SIDE, -1, -1];
  for (const [cell, value] of ink.entries()) {
    if (value < INK) continue;
    const x = cell % GRID_SIDE;
    const y = Math.floor(cell / GRID_SIDE);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const width = right - left + 1;
  const height = bottom - top + 1;
  if (Math.min(width, height) < SMALLEST_DISC || Math.abs(width / height - 1) > 0.12) return undefined;
  return { x: (left + right) / 2, y: (top + bottom) / 2, rx: width / 2, ry: height / 2 };
}

/** The value at a point of the disc, both coordinates from -1 to 1; 0 outside the grid. */
function sample(field: Field, disc: Disc, u: number, v: number): number {
  const x = Math.round(disc.x + u * disc.rx);
  const y = Math.round(disc.y + v * disc.ry);
  if (x < 0 || y < 0 || x >= GRID_SIDE || y >= GRID_SIDE) return 0;
  return field[y * GRID_SIDE + x] ?? 0;
}

/** Ink reaches to the circle and not beyond, all around. */
function isRound(ink: Field, disc: Disc): boolean {
  let round = 0;
  for (let step = 0; step < ANGLES; step += 1) {
    const angle = (2 * Math.PI * step) / ANGLES;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    let edge = 1.36;
    while (edge > 0.5 && sample(ink, disc, cos * edge, sin * edge) < INK) edge -= 0.03;
    if (edge >= 0.86 && edge <= 1.1) round += 1;
  }
  return round >= ANGLES * ROUND_SHARE;
}

/** Offsets along a line's normal: on it, and beside it. */
const ON = [-0.06, -0.03, 0, 0.03, 0.06] as const;
const BESIDE = [0.12, 0.16, 0.2] as const;

/** What the field has at the point itself, with some slack across the line's normal `(nu, nv)`. */
function onPoint(
  field: Field,
  disc: Disc,
  sign: number,
  u: number,
  v: number,
  nu: number,
  nv: number,
): number {
  let on = -Infinity;
  for (const offset of ON) on = Math.max(on, sign * sample(field, disc, u + nu * offset, v + nv * offset));
  return on;
}

/** What it has beside the point: on the side that differs less. */
function besidePoint(
  field: Field,
  disc: Disc,
  sign: number,
  u: number,
  v: number,
  nu: number,
  nv: number,
): number {
  let beside = -Infinity;
  for (let side = -1; side <= 1; side += 2) {
    let least = Infinity;
    for (const offset of BESIDE) {
      const [su, sv] = [u + side * nu * offset, v + side * nv * offset];
      least = Math.min(least, sign * sample(field, disc, su, sv));
    }
    beside = Math.max(beside, least);
  }
  return beside;
}

/** `sign` is 1 for lines darker than the disc, -1 for lighter ones. The rarest feature is looked for first. */
function hasGlobeLines(field: Field, disc: Disc, sign: number): boolean {
  for (let bulge = 0.3; bulge < 0.57; bulge += 0.04) {
    if (!hasMeridian(field, disc, sign, bulge) || !hasMeridian(field, disc, sign, -bulge)) continue;
    if (hasParallels(field, disc, sign, bulge)) return true;
  }
  return false;
}

/**
 * Half an ellipse from pole to pole without a gap; a negative bulge is the left one. Where other lines cross it, it
 * does not stand out from what lies beside it, but it is there.
 */
function hasMeridian(field: Field, disc: Disc, sign: number, bulge: number): boolean {
  let [hits, polarHits, polar, lineSum, groundSum] = [0, 0, 0, 0, 0];
  const values: number[] = [];
  for (let v = -0.72; v < 0.73; v += 0.06) {
    const u = bulge * Math.sqrt(1 - v * v);
    const on = onPoint(field, disc, sign, u, v, 1, 0);
    const beside = besidePoint(field, disc, sign, u, v, 1, 0);
    const isHit = on - beside > LINE_CONTRAST;
    values.push(on);
    if (Math.abs(v) > POLAR) polar += 1;
    if (!isHit) continue;
    hits += 1;
    lineSum += on;
    groundSum += beside;
    if (Math.abs(v) > POLAR) polarHits += 1;
  }
  if (hits < values.length * LINE_SHARE || polarHits < polar * POLAR_SHARE) return false;
  const middle = (lineSum + groundSum) / (2 * hits);
  return values.filter((value) => value < middle).length <= values.length * GAP_SHARE;
}

/** How the parallels of drawn globes bend towards the poles. */
const BENDS = [-0.18, -0.09, 0, 0.09] as const;

/** The equator, or a pair of parallels, straight or bent. */
function hasParallels(field: Field, disc: Disc, sign: number, bulge: number): boolean {
  for (let height = -0.08; height < 0.09; height += 0.04)
    if (hasParallel(field, disc, sign, bulge, height, 0)) return true;
  for (let height = 0.28; height < 0.65; height += 0.04) {
    for (const bend of BENDS) {
      if (
        hasParallel(field, disc, sign, bulge, height, bend) &&
        hasParallel(field, disc, sign, bulge, -height, -bend)
      )
        return true;
    }
  }
  return false;
}

/** Points near the meridians, and near the axis, are left out. */
function hasParallel(
  field: Field,
  disc: Disc,
  sign: number,
  bulge: number,
  height: number,
  bend: number,
): boolean {
  const half = Math.sqrt(1 - height * height);
  let [points, hits] = [0, 0];
  for (let part = -0.8; part < 0.81; part += 0.05) {
    const [u, v] = [part * half, height + bend * (1 - part * part)];
    const meridian = bulge * Math.sqrt(Math.max(0, 1 - v * v));
    if (Math.abs(u) <= 0.09 || Math.abs(Math.abs(u) - meridian) <= 0.09) continue;
    points += 1;
    const difference = onPoint(field, disc, sign, u, v, 0, 1) - besidePoint(field, disc, sign, u, v, 0, 1);
    if (difference > LINE_CONTRAST) hits += 1;
  }
  return points > 0 && hits >= points * LINE_SHARE;
}
