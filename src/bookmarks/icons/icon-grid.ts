/** Side of the grid on which pictures are judged, pixels (chosen: strokes of a 16 px icon are four cells wide). */
export const GRID_SIDE = 64;

/** Columns and rows of the grey picture behind the difference hash: one column more than bits in a row. */
export const HASH_COLUMNS = 9;
export const HASH_ROWS = 8;

/** A picture fitted into a square, transparent around, and its grey miniature; what the judges look at. */
export interface IconGrid {
  /** GRID_SIDE² × 4 bytes: red, green, blue, alpha, not premultiplied. */
  readonly rgba: Uint8Array;
  /** HASH_COLUMNS × HASH_ROWS bytes, over white. */
  readonly grey: Uint8Array;
}

/** Relative luminance of a colour, 0 to 1 (WCAG 2.2). */
export function luminance(red: number, green: number, blue: number): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** By the transfer function of sRGB, 256 values once. */
const LINEAR = Float64Array.from({ length: 256 }, (_, value) => {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
});

const linear = (value: number): number => LINEAR[Math.min(255, Math.max(0, Math.round(value)))] ?? 0;

/** Contrast of two luminances, 1 to 21 (WCAG 2.2). */
export function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
