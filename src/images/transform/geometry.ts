import type { Fit, Position } from '../image-request.js';
import { focalPoint } from '../parameters/position.js';

/** A box to fit into and the rules for it. Sizes are device pixels: `dpr` is already in them. */
export interface GeometryRequest {
  readonly width?: number;
  readonly height?: number;
  readonly fit: Fit;
  readonly position: Position;
  /** Degrees clockwise, 0 up to 360. */
  readonly rotate: number;
  readonly enlarge: boolean;
  /** Longest side of the result. */
  readonly maxSide: number;
  /** Most pixels of the result (of one frame). */
  readonly maxPixels: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box extends Size {
  readonly left: number;
  readonly top: number;
}

export interface Margins {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Every step as whole pixels, in the order in which they are carried out. */
export interface Geometry {
  /** The rotation comes before the resize: the steps after it see the rotated picture. */
  readonly rotateFirst: boolean;
  /** The whole picture is scaled to this; with `smartCrop`, scaled and cropped to it. */
  readonly resize: Size;
  readonly smartCrop?: 'attention' | 'entropy';
  /** Taken out of the scaled and rotated picture. */
  readonly crop?: Box;
  readonly pad?: Margins;
  /** The result. */
  readonly width: number;
  readonly height: number;
}

/** Scaled pictures stay below this on a side, also where only a part of them is kept (chosen: JPEG's own limit). */
const MAX_SCALED_SIDE = 65_535;

const whole = (value: number): number => Math.max(1, Math.round(value));

/** Size of the box around `size` turned by `degrees`, not rounded. */
export function rotatedSize({ width, height }: Size, degrees: number): Size {
  if (degrees % 180 === 0) return { width, height };
  if (degrees % 90 === 0) return { width: height, height: width };
  const radians = (degrees * Math.PI) / 180;
  const cos = Math.abs(Math.cos(radians));
  const sin = Math.abs(Math.sin(radians));
  return { width: width * cos + height * sin, height: width * sin + height * cos };
}

interface Scaling {
  /** Factors along the axes of the rotated picture; they differ for `fill` alone. */
  readonly x: number;
  readonly y: number;
  /** The box that the result fills exactly (cover, contain, fill); absent where the picture decides. */
  readonly box?: Size;
}

/**
 * Resolves a request for a picture of `source` (after EXIF orientation and mirroring) to steps. The order that a
 * person sees is: orient, mirror, rotate, scale, crop or pad. What is asked for is never stretched but by `fill`,
 * never enlarged unless allowed (the shape of the box is kept, it becomes smaller), and fits all limits.
 */
export function resolveGeometry(source: Size, request: GeometryRequest): Geometry {
  const canvas = rotatedSize(source, request.rotate);
  const scaling = limit(canvas, scale(canvas, request), request);
  const isRightAngle = request.rotate % 90 === 0;
  const scaled: Size = { width: whole(canvas.width * scaling.x), height: whole(canvas.height * scaling.y) };
  const { box } = scaling;
  const isCovering = box !== undefined && request.fit === 'cover';
  const smart =
    request.position === 'attention' || request.position === 'entropy' ? request.position : undefined;
  if (isCovering && smart !== undefined && (scaled.width > box.width || scaled.height > box.height)) {
    return { rotateFirst: request.rotate !== 0, resize: box, smartCrop: smart, ...box };
  }
  const isFilling = box !== undefined && request.fit === 'fill';
  const rotateFirst = !isRightAngle && isFilling;
  if (isRightAngle || rotateFirst) {
    const full = isFilling
      ? box
      : isCovering
        ? atLeast(scaled, box)
        : box === undefined
          ? scaled
          : atMost(scaled, box);
    const resize =
      request.rotate % 180 !== 0 && !rotateFirst ? { width: full.height, height: full.width } : full;
    return { rotateFirst, resize, ...place(full, full, box, request) };
  }
  return turn(source, scaled, scaling, request);
}

/** A uniform scale and a rotation may change places, so the cheap resize comes first and the turn after it. */
function turn(source: Size, scaled: Size, { x, box }: Scaling, request: GeometryRequest): Geometry {
  // Rounding up keeps the turned picture from missing the box by a pixel; what is over is cut.
  const resize = {
    width: Math.max(1, Math.ceil(source.width * x)),
    height: Math.max(1, Math.ceil(source.height * x)),
  };
  const around = rotatedSize(resize, request.rotate);
  // libvips rounds to the nearest pixel; a hair less so that a tie never asks for a pixel that is not there.
  const turned = { width: whole(around.width - 1e-6), height: whole(around.height - 1e-6) };
  const wanted = box === undefined ? scaled : request.fit === 'cover' ? box : atMost(scaled, box);
  return { rotateFirst: false, resize, ...place(turned, atMost(wanted, turned), box, request, true) };
}

const atLeast = (a: Size, b: Size): Size => ({
  width: Math.max(a.width, b.width),
  height: Math.max(a.height, b.height),
});
const atMost = (a: Size, b: Size): Size => ({
  width: Math.min(a.width, b.width),
  height: Math.min(a.height, b.height),
});

/** Crops `picture` to `kept`, and on to the box where it is larger; pads to the box where it is smaller. */
function place(
  picture: Size,
  kept: Size,
  box: Size | undefined,
  { position }: GeometryRequest,
  always = false,
): Omit<Geometry, 'resize' | 'rotateFirst'> {
  const inner = box === undefined ? kept : atMost(kept, box);
  const focus = focalPoint(position);
  const isCut = always || inner.width < picture.width || inner.height < picture.height;
  const crop: Box = {
    left: offset(picture.width, inner.width, focus.x),
    top: offset(picture.height, inner.height, focus.y),
    width: inner.width,
    height: inner.height,
  };
  const result = box === undefined ? inner : atLeast(inner, box);
  const left = Math.round((result.width - inner.width) * focus.x);
  const top = Math.round((result.height - inner.height) * focus.y);
  const pad = {
    left,
    top,
    right: result.width - inner.width - left,
    bottom: result.height - inner.height - top,
  };
  const isPadded = result.width > inner.width || result.height > inner.height;
  return {
    width: result.width,
    height: result.height,
    ...(isCut ? { crop } : {}),
    ...(isPadded ? { pad } : {}),
  };
}

/** The focal point goes to the middle of what is kept, as far as the edges allow. */
function offset(full: number, kept: number, focus: number): number {
  return Math.min(full - kept, Math.max(0, Math.round(focus * full - kept / 2)));
}

function scale(canvas: Size, { width, height, fit, enlarge }: GeometryRequest): Scaling {
  const most = enlarge ? Infinity : 1;
  if (width === undefined && height === undefined) return { x: 1, y: 1 };
  const x = width === undefined ? undefined : width / canvas.width;
  const y = height === undefined ? undefined : height / canvas.height;
  if (x === undefined || y === undefined || width === undefined || height === undefined) {
    const only = Math.min(x ?? y ?? 1, most);
    return { x: only, y: only };
  }
  const smaller = Math.min(x, y);
  const larger = Math.max(x, y);
  const room = Math.min(most, MAX_SCALED_SIDE / Math.max(canvas.width, canvas.height));
  switch (fit) {
    case 'inside':
      return { x: Math.min(smaller, most), y: Math.min(smaller, most) };
    case 'outside':
      return { x: Math.min(larger, most), y: Math.min(larger, most) };
    case 'contain':
      return { x: Math.min(smaller, most), y: Math.min(smaller, most), box: { width, height } };
    case 'cover':
    case 'fill': {
      // Too large a box shrinks until the picture fills it without being enlarged; its shape stays.
      const excess = Math.max(1, larger / (fit === 'cover' ? room : most));
      const box = { width: whole(width / excess), height: whole(height / excess) };
      if (fit === 'cover') return { x: larger / excess, y: larger / excess, box };
      return { x: box.width / canvas.width, y: box.height / canvas.height, box };
    }
  }
}

/** Shrinks what comes out to the limits of a side and of the area (up to the rounding of a pixel); the ratio stays. */
function limit(canvas: Size, scaling: Scaling, { maxSide, maxPixels }: GeometryRequest): Scaling {
  const out = scaling.box ?? { width: canvas.width * scaling.x, height: canvas.height * scaling.y };
  const excess = Math.max(
    1,
    out.width / maxSide,
    out.height / maxSide,
    Math.sqrt((out.width * out.height) / maxPixels),
  );
  if (excess === 1) return scaling;
  const factors = { x: scaling.x / excess, y: scaling.y / excess };
  if (scaling.box === undefined) return factors;
  const shrink = (side: number): number => Math.max(1, Math.floor(side / excess));
  return { ...factors, box: { width: shrink(scaling.box.width), height: shrink(scaling.box.height) } };
}
