import type { ImageHeader, SourceFormat } from '../../image-memory/index.js';

export type QuickHeader = Omit<ImageHeader, 'bytes' | 'format'>;

/** How much of a file {@link quickHeader} wants to see: enough for a profile and an EXIF thumbnail before the size. */
export const QUICK_BYTES = 64 * 1024;

/**
 * The headers of plain JPEG and PNG, the bulk of what comes in, without a trip through the threadpool and libvips
 * (0.5 ms, of 20 for a whole request). `undefined` wherever anything is unusual: sharp answers then, and a spec
 * holds the two together.
 */
export function quickHeader(format: SourceFormat, head: Uint8Array): QuickHeader | undefined {
  const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  try {
    if (format === 'jpeg') return jpegHeader(view);
    return format === 'png' ? pngHeader(view) : undefined;
  } catch (error) {
    // The bytes end inside a field.
    if (OUT_OF_BOUNDS.has((error as { readonly code?: unknown }).code)) return undefined;
    throw error;
  }
}

/** What Buffer's readers throw past the end. */
const OUT_OF_BOUNDS: ReadonlySet<unknown> = new Set(['ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS']);

const SOF_BASELINE = 0xc0;
const SOF_EXTENDED = 0xc1;
const SOF_PROGRESSIVE = 0xc2;
const START_OF_SCAN = 0xda;
const APP1 = 0xe1;

function jpegHeader(bytes: Buffer): QuickHeader | undefined {
  let orientation = 1;
  let offset = 2;
  for (;;) {
    if (bytes.readUInt8(offset) !== 0xff) return undefined;
    const marker = bytes.readUInt8(offset + 1);
    // Fill bytes, restart markers and the like do not stand here in any usual file.
    if (marker === 0xff || marker < 0xc0 || marker === START_OF_SCAN || (marker >= 0xd0 && marker <= 0xd9))
      return undefined;
    const length = bytes.readUInt16BE(offset + 2);
    if (marker === SOF_BASELINE || marker === SOF_EXTENDED || marker === SOF_PROGRESSIVE) {
      return jpegFrame(bytes, offset + 4, marker === SOF_PROGRESSIVE, orientation);
    }
    if (marker > SOF_PROGRESSIVE && marker <= 0xcf && marker !== 0xc4) return undefined;
    if (marker === APP1 && bytes.toString('latin1', offset + 4, offset + 10) === 'Exif\0\0') {
      if (offset + 2 + length > bytes.length) return undefined;
      const found = exifOrientation(bytes.subarray(offset + 10, offset + 2 + length));
      if (found === undefined) return undefined;
      orientation = found;
    }
    offset += 2 + length;
  }
}

function jpegFrame(
  bytes: Buffer,
  at: number,
  progressive: boolean,
  orientation: number,
): QuickHeader | undefined {
  const height = bytes.readUInt16BE(at + 1);
  const width = bytes.readUInt16BE(at + 3);
  const channels = bytes.readUInt8(at + 5);
  if (bytes.readUInt8(at) !== 8 || width === 0 || height === 0 || ![1, 3, 4].includes(channels))
    return undefined;
  const factors = Array.from({ length: channels }, (_, index) => bytes.readUInt8(at + 7 + 3 * index));
  return {
    width,
    height,
    pages: 1,
    channels,
    bitsPerSample: 8,
    hasAlpha: false,
    progressive,
    chromaSubsampling: subsampling(factors),
    orientation,
  };
}

/** From the sampling factors, horizontal in the upper four bits; unusual ones count as the dearest that they may be. */
function subsampling(factors: readonly number[]): NonNullable<QuickHeader['chromaSubsampling']> {
  if (factors.length === 4) return 'cmyk';
  if (factors.length === 1 || factors.every((factor) => factor === factors[0])) return '4:4:4';
  if (factors[1] !== 0x11 || factors[2] !== 0x11) return 'other';
  return factors[0] === 0x22 ? '4:2:0' : factors[0] === 0x21 ? '4:2:2' : 'other';
}

/** Tag 0x112 of the first directory; 1 when it is not there, `undefined` when the block cannot be read. */
function exifOrientation(tiff: Buffer): number | undefined {
  const order = tiff.toString('latin1', 0, 4);
  if (order !== 'II*\0' && order !== 'MM\0*') return undefined;
  const little = order === 'II*\0';
  const short = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  const entries = short(directory);
  for (let index = 0; index < entries; index += 1) {
    const entry = directory + 2 + 12 * index;
    if (short(entry) !== 0x112) continue;
    const value = short(entry + 8);
    return short(entry + 2) === 3 && value >= 1 && value <= 8 ? value : undefined;
  }
  return 1;
}

/** Channels by colour type: grey, RGB, palette, grey with alpha, RGBA. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

function pngHeader(bytes: Buffer): QuickHeader | undefined {
  if (bytes.toString('latin1', 12, 16) !== 'IHDR' || bytes.readUInt32BE(8) !== 13) return undefined;
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const colours = PNG_CHANNELS[bytes.readUInt8(25)];
  if (colours === undefined || width === 0 || height === 0) return undefined;
  let hasTransparency = false;
  for (let offset = 33; ; offset += 12 + bytes.readUInt32BE(offset)) {
    const type = bytes.toString('latin1', offset + 4, offset + 8);
    if (type.length < 4 || type === 'eXIf') return undefined;
    if (type === 'IDAT') break;
    hasTransparency ||= type === 'tRNS';
  }
  const hasAlpha = colours === 2 || colours === 4 || hasTransparency;
  return {
    width,
    height,
    pages: 1,
    channels: hasTransparency && colours % 2 === 1 ? colours + 1 : colours,
    bitsPerSample: bytes.readUInt8(24) === 16 ? 16 : 8,
    hasAlpha,
    progressive: bytes.readUInt8(28) === 1,
    orientation: 1,
  };
}
