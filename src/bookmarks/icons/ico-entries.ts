import decodeIco from 'decode-ico';

/** Entries of a directory that are looked at: icon files have a dozen, a hostile one 65 535. */
const MAX_ENTRIES = 32;

/** Entries that are decoded before the file is given up. */
const MAX_DECODED = 3;

/** Largest bitmap, pixels a side: what the directory can say. Decoding is plain JavaScript, 4 ms for this one. */
const MAX_BITMAP_SIDE = 256;

const DIRECTORY_BYTES = 6;
const ENTRY_BYTES = 16;
const BITMAP_HEADER_BYTES = 40;

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** A picture inside an icon file: encoded as PNG, or pixels (red, green, blue, alpha). */
export type IcoPicture =
  | { readonly kind: 'png'; readonly bytes: Buffer; readonly width: number; readonly height: number }
  | { readonly kind: 'pixels'; readonly rgba: Buffer; readonly width: number; readonly height: number };

interface Entry {
  readonly kind: 'png' | 'bitmap';
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly bitsPerPixel: number;
}

/** Whether the bytes begin as an ICO or CUR file does. */
export function isIco(bytes: Buffer): boolean {
  return (
    bytes.length > DIRECTORY_BYTES && bytes.readUInt16LE(0) === 0 && [1, 2].includes(bytes.readUInt16LE(2))
  );
}

/**
 * The pictures of an icon file, the largest first, decoded one at a time as they are asked for. What is damaged, or
 * larger than an icon can be, is passed over before anything is allocated for it.
 */
export function* icoPictures(bytes: Buffer): Generator<IcoPicture> {
  let decoded = 0;
  for (const entry of entriesOf(bytes)) {
    if (decoded >= MAX_DECODED) return;
    decoded += 1;
    const { width, height } = entry;
    if (entry.kind === 'png') yield { kind: 'png', bytes: copyOf(entry.data), width, height };
    else {
      const rgba = decodeBitmap(entry);
      if (rgba !== undefined) yield { kind: 'pixels', rgba, width, height };
    }
  }
}

/** Free of the file that it was cut from. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function entriesOf(bytes: Buffer): Entry[] {
  const count = Math.min(bytes.readUInt16LE(4), MAX_ENTRIES);
  const entries: Entry[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = DIRECTORY_BYTES + index * ENTRY_BYTES;
    if (at + ENTRY_BYTES > bytes.length) break;
    const start = bytes.readUInt32LE(at + 12);
    const length = bytes.readUInt32LE(at + 8);
    const data = bytes.subarray(start, start + length);
    const entry =
      data.length < BITMAP_HEADER_BYTES ? undefined : (pngEntry(data) ?? bitmapEntry(data, bytes, at));
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort(
    (one, other) =>
      other.width * other.height - one.width * one.height || other.bitsPerPixel - one.bitsPerPixel,
  );
}

function pngEntry(data: Buffer): Entry | undefined {
  if (!data.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return undefined;
  const [width, height] = [data.readUInt32BE(16), data.readUInt32BE(20)];
  return { kind: 'png', data, width, height, bitsPerPixel: 32 };
}

/** By the header of the bitmap, which is what decides how much is allocated; its height counts colours and mask. */
function bitmapEntry(data: Buffer, file: Buffer, at: number): Entry | undefined {
  const width = data.readInt32LE(4) || (file[at] ?? 0) || MAX_BITMAP_SIDE;
  const height = Math.trunc(data.readInt32LE(8) / 2) || (file[at + 1] ?? 0) || MAX_BITMAP_SIDE;
  const bitsPerPixel = data.readUInt16LE(14);
  const isPlain = data.readUInt32LE(0) === BITMAP_HEADER_BYTES && data.readUInt32LE(16) === 0;
  const isSane = [width, height].every((side) => side >= 1 && side <= MAX_BITMAP_SIDE);
  if (!isPlain || !isSane || data.readUInt32LE(32) > 256) return undefined;
  return { kind: 'bitmap', data, width, height, bitsPerPixel };
}

/** The decoder reads all entries of a file at once: it gets a file of this one. */
function decodeBitmap({ data, width, height, bitsPerPixel }: Entry): Buffer | undefined {
  const header = Buffer.alloc(DIRECTORY_BYTES + ENTRY_BYTES);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(1, 4);
  header[6] = width % 256;
  header[7] = height % 256;
  header.writeUInt16LE(bitsPerPixel, 12);
  header.writeUInt32LE(data.length, 14);
  header.writeUInt32LE(header.length, 18);
  try {
    const [image] = decodeIco(Buffer.concat([header, data]));
    if (image === undefined || image.width !== width || image.height !== height) return undefined;
    const rgba = Buffer.from(image.data);
    return bitsPerPixel === 32 ? withMask(rgba, data, width, height) : rgba;
  } catch {
    return undefined;
  }
}

/** Old 32-bit icons leave alpha at zero everywhere; their mask says what is seen. */
function withMask(rgba: Buffer, data: Buffer, width: number, height: number): Buffer {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 0) return rgba;
  const start = BITMAP_HEADER_BYTES + width * height * 4;
  const stride = Math.ceil(width / 32) * 4;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const bits = data[start + (height - 1 - y) * stride + (x >> 3)] ?? 0;
      rgba[(y * width + x) * 4 + 3] = (bits >> (7 - (x & 7))) & 1 ? 0 : 255;
    }
  }
  return rgba;
}
