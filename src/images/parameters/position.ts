import type { Position } from '../image-request.js';

type PositionName = Extract<Position, string>;

/** Shares of each gravity, so that a focal point on a corner and the corner's name are one and the same. */
const GRAVITIES = {
  center: [0.5, 0.5],
  top: [0.5, 0],
  bottom: [0.5, 1],
  left: [0, 0.5],
  right: [1, 0.5],
  'left-top': [0, 0],
  'right-top': [1, 0],
  'left-bottom': [0, 1],
  'right-bottom': [1, 1],
} as const satisfies Partial<Record<PositionName, readonly [number, number]>>;

const ALIASES: Readonly<Record<string, PositionName>> = {
  centre: 'center',
  north: 'top',
  south: 'bottom',
  west: 'left',
  east: 'right',
  northwest: 'left-top',
  northeast: 'right-top',
  southwest: 'left-bottom',
  southeast: 'right-bottom',
  'top-left': 'left-top',
  'top-right': 'right-top',
  'bottom-left': 'left-bottom',
  'bottom-right': 'right-bottom',
  smart: 'attention',
  attention: 'attention',
  entropy: 'entropy',
};

/** A position by name or as `x,y`; a focal point that is a gravity becomes its name. `undefined` when it is none. */
export function parsePosition(text: string): Position | undefined {
  const lower = text.toLowerCase().replace(/[ +]/g, '-');
  if (Object.hasOwn(GRAVITIES, lower)) return lower as PositionName;
  if (Object.hasOwn(ALIASES, lower)) return ALIASES[lower];
  const match = /^([01](?:\.\d{1,9})?|\.\d{1,9}),([01](?:\.\d{1,9})?|\.\d{1,9})$/.exec(lower);
  if (match === null) return undefined;
  const x = Math.round(Number(match[1]) * 1000) / 1000;
  const y = Math.round(Number(match[2]) * 1000) / 1000;
  if (x > 1 || y > 1) return undefined;
  const named = (Object.keys(GRAVITIES) as (keyof typeof GRAVITIES)[]).find(
    (name) => GRAVITIES[name][0] === x && GRAVITIES[name][1] === y,
  );
  return named ?? Object.freeze({ x, y });
}

/** The inverse of {@link parsePosition}. */
export function formatPosition(position: Position): string {
  return typeof position === 'string' ? position : `${position.x},${position.y}`;
}

/** The point of the picture that stays in view, in shares; the strategies, which look for it themselves, give the centre. */
export function focalPoint(position: Position): { readonly x: number; readonly y: number } {
  if (typeof position !== 'string') return position;
  const [x, y] = Object.hasOwn(GRAVITIES, position)
    ? GRAVITIES[position as keyof typeof GRAVITIES]
    : GRAVITIES.center;
  return { x, y };
}
