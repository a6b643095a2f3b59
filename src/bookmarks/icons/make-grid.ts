import type sharp from 'sharp';
import { GRID_SIDE, HASH_COLUMNS, HASH_ROWS, type IconGrid } from './icon-grid.js';

const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

/** Draws the grid of a small PNG. The caller holds a lease and bounds the picture. */
export async function makeGrid(engine: typeof sharp, png: Buffer): Promise<IconGrid> {
  const rgba = await engine(png)
    .resize(GRID_SIDE, GRID_SIDE, { fit: 'contain', background: TRANSPARENT })
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  const grey = await engine(png)
    .flatten({ background: '#fff' })
    .resize(HASH_COLUMNS, HASH_ROWS, { fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  return { rgba, grey };
}
