import sharp from 'sharp';
import { drawn } from './drawn-icons.fixture.js';

export interface IcoPart {
  readonly drawing: string;
  readonly side: number;
  readonly as: 'png' | 'bitmap';
  /** Of a bitmap; 32 by default. 24 keeps transparency in the mask alone. */
  readonly bits?: 24 | 32;
  /** Leaves alpha at zero, as old programs do. */
  readonly withoutAlpha?: boolean;
}

/** An icon file of these pictures. */
export async function icoFile(parts: readonly IcoPart[]): Promise<Buffer> {
  const pictures = await Promise.all(
    parts.map((part) => (part.as === 'png' ? drawn(part.drawing, part.side) : bitmap(part))),
  );
  return icoOf(pictures.map((data, index) => ({ data, side: parts[index]?.side ?? 0 })));
}

/** An icon file of raw entries; `count` may lie. */
export function icoOf(
  entries: readonly { readonly data: Buffer; readonly side: number; readonly offset?: number }[],
  count = entries.length,
): Buffer {
  const directory = Buffer.alloc(6 + 16 * count);
  directory.writeUInt16LE(1, 2);
  directory.writeUInt16LE(count, 4);
  let offset = directory.length;
  for (const [index, { data, side, offset: own }] of entries.entries()) {
    const at = 6 + 16 * index;
    directory[at] = side % 256;
    directory[at + 1] = side % 256;
    directory.writeUInt16LE(1, at + 4);
    directory.writeUInt16LE(32, at + 6);
    directory.writeUInt32LE(data.length, at + 8);
    directory.writeUInt32LE(own ?? offset, at + 12);
    offset += data.length;
  }
  return Buffer.concat([directory, ...entries.map(({ data }) => data)]);
}

/** Header, pixels from the bottom up, mask. */
async function bitmap({ drawing, side, bits = 32, withoutAlpha = false }: IcoPart): Promise<Buffer> {
  const rgba = await sharp(await drawn(drawing, side))
    .ensureAlpha()
    .raw()
    .toBuffer();
  const header = bitmapHeader(side, side, bits);
  const stride = Math.ceil((side * bits) / 32) * 4;
  const maskStride = Math.ceil(side / 32) * 4;
  const pixels = Buffer.alloc(stride * side);
  const mask = Buffer.alloc(maskStride * side);
  for (let y = 0; y < side; y += 1) {
    const row = side - 1 - y;
    for (let x = 0; x < side; x += 1) {
      const [red = 0, green = 0, blue = 0, alpha = 0] = rgba.subarray((y * side + x) * 4);
      const at = row * stride + (x * bits) / 8;
      pixels.set([blue, green, red], at);
      if (bits === 32) pixels[at + 3] = withoutAlpha ? 0 : alpha;
      if (alpha < 128)
        mask[row * maskStride + (x >> 3)] = (mask[row * maskStride + (x >> 3)] ?? 0) | (128 >> (x & 7));
    }
  }
  return Buffer.concat([header, pixels, mask]);
}

/** A BITMAPINFOHEADER; the height of an icon counts its mask as well. */
export function bitmapHeader(width: number, height: number, bits: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40, 0);
  header.writeInt32LE(width, 4);
  header.writeInt32LE(height * 2, 8);
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(bits, 14);
  return header;
}
