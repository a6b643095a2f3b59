import { crc32 } from 'node:zlib';
import type { ObjectInfo, PutOptions } from './object-store.js';

/** Version of the record's form. A reader refuses what is newer and never takes it for damage. */
const FORMAT_VERSION = 1;

/** Above the longest record that {@link encodeRecord} accepts: attributes 8 KiB, key, type, and the rest. */
export const MAX_RECORD_BYTES = 16 * 1024;
const MAX_ATTRIBUTES_BYTES = 8 * 1024;
const MAX_CONTENT_TYPE_CHARACTERS = 255;

const HEAD = /^\{"crc":"([\da-f]{8})","record":/;
const GENERATION = /^[\da-f]{16}$/;
const SHA256 = /^[\da-f]{64}$/;

/** What the small file beside the bytes says. */
export interface ObjectRecord extends ObjectInfo {
  /** Names the data file; fresh for each write of bytes. */
  readonly generation: string;
}

export type DecodedRecord =
  | { readonly state: 'ok'; readonly record: ObjectRecord }
  | { readonly state: 'corrupt' }
  /** Whole, but written by a later version of this program. */
  | { readonly state: 'newer' };

/** @throws RangeError when content type or attributes pass their bounds: a fault of the program. */
export function checkFacts(contentType: string, attributes: PutOptions['attributes']): void {
  // eslint-disable-next-line no-control-regex
  if (contentType.length > MAX_CONTENT_TYPE_CHARACTERS || /[\u0000-\u001f\u007f]/.test(contentType)) {
    throw new RangeError('A content type has at most 255 characters and no control characters.');
  }
  const sizeBytes = attributes === undefined ? 0 : Buffer.byteLength(JSON.stringify(attributes));
  if (sizeBytes > MAX_ATTRIBUTES_BYTES) {
    throw new RangeError(
      `Attributes of an object have at most ${MAX_ATTRIBUTES_BYTES} bytes as JSON, got ${sizeBytes}.`,
    );
  }
}

/** The record as text: its checksum first, so that one flipped bit anywhere is noticed. */
export function encodeRecord(record: ObjectRecord): Buffer {
  const { key, generation, bytes, sha256, contentType, createdAt, attributes } = record;
  const body = JSON.stringify({
    v: FORMAT_VERSION,
    key,
    generation,
    bytes,
    sha256,
    contentType,
    createdAt,
    attributes,
  });
  return Buffer.from(`{"crc":"${checksum(body)}","record":${body}}`);
}

export function decodeRecord(text: string): DecodedRecord {
  const head = HEAD.exec(text);
  if (head === null || !text.endsWith('}')) return { state: 'corrupt' };
  const body = text.slice(head[0].length, -1);
  if (checksum(body) !== head[1]) return { state: 'corrupt' };
  try {
    const parsed = JSON.parse(body) as ObjectRecord & { readonly v: number };
    if (parsed.v > FORMAT_VERSION) return { state: 'newer' };
    if (parsed.v !== FORMAT_VERSION || !isRecord(parsed)) return { state: 'corrupt' };
    const { key, generation, bytes, sha256, contentType, createdAt, attributes } = parsed;
    return {
      state: 'ok',
      record: freezeRecord({ key, generation, bytes, sha256, contentType, createdAt, attributes }),
    };
  } catch {
    return { state: 'corrupt' };
  }
}

export function freezeRecord(record: ObjectRecord): ObjectRecord {
  return Object.freeze({ ...record, attributes: Object.freeze({ ...record.attributes }) });
}

/** What callers see: without the name of the data file. */
export function infoOf(record: ObjectRecord): ObjectInfo {
  const { key, bytes, sha256, contentType, createdAt, attributes } = record;
  return { key, bytes, sha256, contentType, createdAt, attributes };
}

const checksum = (body: string): string => crc32(body).toString(16).padStart(8, '0');

function isRecord(value: ObjectRecord): boolean {
  return (
    typeof value.key === 'string' &&
    GENERATION.test(value.generation) &&
    Number.isSafeInteger(value.bytes) &&
    value.bytes >= 0 &&
    SHA256.test(value.sha256) &&
    typeof value.contentType === 'string' &&
    Number.isFinite(value.createdAt) &&
    typeof value.attributes === 'object' &&
    value.attributes !== null
  );
}
