import { createHash } from 'node:crypto';
import type { ImageHeader } from '../../image-memory/index.js';
import type { ObjectInfo, ObjectKey } from '../../object-storage/index.js';
import type { ImageSource } from '../image-request.js';
import type { Freshness } from './freshness.js';

/** What is known of a stored original or upload, without its bytes. Frozen. */
export interface SourceRecord extends Freshness {
  readonly key: ObjectKey;
  /** Of the bytes; variants carry it, so that a changed original outdates them. */
  readonly sha256: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly header: ImageHeader;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Validators of the origin. */
  readonly etag?: string;
  readonly lastModified?: string;
}

/** Never stale: an upload changes only by deletion. */
export const FOREVER = Number.MAX_SAFE_INTEGER;

/** Identity of a source inside variant keys. The query belongs to it. */
export function sourceIdentity(source: ImageSource): string {
  if (source.kind === 'derived') return `derived:${source.key}`;
  return source.kind === 'remote' ? `url:${source.url}` : `upload:${source.id}`;
}

export function sourceKey(source: ImageSource): ObjectKey {
  if (source.kind === 'derived') return source.key;
  return source.kind === 'remote'
    ? `originals/${createHash('sha256').update(source.url).digest('hex')}`
    : `uploads/${source.id}`;
}

/** The record as attributes beside the stored bytes. */
export function toAttributes(
  record: Pick<SourceRecord, 'header' | 'freshUntil' | 'staleUntil' | 'etag' | 'lastModified'>,
): ObjectInfo['attributes'] {
  return {
    header: JSON.stringify(record.header),
    freshUntil: record.freshUntil,
    staleUntil: record.staleUntil,
    ...(record.etag === undefined ? {} : { etag: record.etag }),
    ...(record.lastModified === undefined ? {} : { lastModified: record.lastModified }),
  };
}

/** The record of a stored object, or `undefined` when its attributes are not ours (then it is made again). */
export function fromObjectInfo(info: ObjectInfo): SourceRecord | undefined {
  const { header, freshUntil, staleUntil, etag, lastModified } = info.attributes;
  if (typeof header !== 'string' || typeof freshUntil !== 'number' || typeof staleUntil !== 'number')
    return undefined;
  const parsed = parseHeader(header);
  if (parsed === undefined) return undefined;
  return Object.freeze({
    key: info.key,
    sha256: info.sha256,
    bytes: info.bytes,
    contentType: info.contentType,
    header: parsed,
    createdAt: info.createdAt,
    freshUntil,
    staleUntil,
    ...(typeof etag === 'string' ? { etag } : {}),
    ...(typeof lastModified === 'string' ? { lastModified } : {}),
  });
}

function parseHeader(text: string): ImageHeader | undefined {
  try {
    const value = JSON.parse(text) as ImageHeader;
    return typeof value.format === 'string' && value.width > 0 && value.height > 0
      ? Object.freeze(value)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Content type of each decodable format; the sniffed format decides, never the origin's header. */
export const CONTENT_TYPES = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  tiff: 'image/tiff',
  avif: 'image/avif',
  svg: 'image/svg+xml',
} as const satisfies Record<ImageHeader['format'], string>;
