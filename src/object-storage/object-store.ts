import type { Readable, Writable } from 'node:stream';

/**
 * Keys tell what they are: `uploads/<id>` was acknowledged to a client and is never evicted,
 * `originals/<hash>` and `variants/<hash>` can be made again.
 */
export type ObjectKey = `${'uploads' | 'originals' | 'variants'}/${string}`;

export interface ObjectInfo {
  readonly key: ObjectKey;
  readonly bytes: number;
  /** Of the bytes, lower-case hex: integrity, and the strong ETag. */
  readonly sha256: string;
  readonly contentType: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Small facts beside the bytes (validators, dimensions, freshness); at most 8 KiB as JSON. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** The kinds of keys. */
export const OBJECT_KINDS = ['uploads', 'originals', 'variants'] as const;

export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** What a write answers: the facts about the bytes, and whether the store kept them. */
export interface WriteResult extends ObjectInfo {
  /**
   * `false` when an object that can be made again found no room: it is larger than the bound, or everything
   * else is in use. Nothing was replaced. The caller answers from the bytes it has: its own buffer, or the
   * spool, which is then still there under `spool.path` until discarded. Always `true` for uploads.
   */
  readonly stored: boolean;
}

export interface PutOptions {
  readonly contentType: string;
  readonly attributes?: ObjectInfo['attributes'];
  /** Durable before the promise resolves (fsync of file and folder): for writes that are acknowledged to a client. */
  readonly durable?: boolean;
  /** Hex sha256 when the caller has it already; `put` then does not compute it again. */
  readonly sha256?: string;
}

/**
 * A temporary file of the store: written once, then committed under a key by rename, or discarded. A commit
 * that throws, or answers `stored: false`, leaves it as it was; so `discard` belongs in a `finally`.
 */
export interface Spool {
  /** Where the bytes lie until committed; a library may open it by path. */
  readonly path: string;
  /** Bytes written so far. */
  readonly bytes: number;
  /** Hex sha256 of the bytes written; throws before the writable has finished. */
  readonly sha256: string;
  /** Takes the bytes; counts and hashes them as they pass. Fails with `storage-unavailable`. */
  readonly writable: Writable;
  /** Removes the file unless it was committed. Idempotent, never rejects. */
  discard(): Promise<void>;
}

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

export interface OpenObject {
  readonly info: ObjectInfo;
  /** Whoever opened it reads it to its end or destroys it. */
  readonly stream: Readable;
}

/** An object as a file that a library may open by path; pinned against eviction until released. */
export interface LocalObject {
  readonly info: ObjectInfo;
  readonly path: string;
  /** Idempotent. */
  release(): void;
}

/** Figures for health and metrics. Reading them touches no disk. */
export interface StoreSnapshot {
  readonly kind: 'filesystem' | 's3';
  /** Objects and bytes by kind of key; grows while the start-up scan runs. */
  readonly objects: Readonly<Record<ObjectKind, { readonly count: number; readonly bytes: number }>>;
  /** Whether the figures are complete: the start-up scan has ended. */
  readonly indexed: boolean;
  /** STORE_MAX_BYTES: bound of originals and variants together, bytes of payload. */
  readonly evictableBudgetBytes: number;
  readonly evictions: number;
  /** Writes that were not kept because no room could be made. */
  readonly notStored: number;
  readonly corruptDropped: number;
  readonly openSpools: number;
  readonly openStreams: number;
  /** Objects held by {@link LocalObject}s. */
  readonly pinned: number;
}

/**
 * Where originals, uploads and variants live. A missing object is `null`; a store that cannot answer throws
 * `storage-unavailable` and is never taken for "not found". A corrupt or truncated entry is dropped, counted
 * and reported as `null`. Every method may be called concurrently. With READ_ONLY every write throws
 * `read-only`. A key of more than 1024 characters, a content type of more than 255 or attributes of more than
 * 8 KiB are faults of the program (`RangeError`).
 */
export interface ObjectStore {
  /** @throws PlimsollError `server-busy` when too many are open, `shutting-down`, `read-only`, `storage-unavailable`. */
  createSpool(): Promise<Spool>;
  /** Moves a finished spool under `key`, replacing what was there; readers see the old or the new, whole. */
  commit(spool: Spool, key: ObjectKey, options: PutOptions): Promise<WriteResult>;
  /** For bytes already in memory, which must not change until the promise settles; otherwise like {@link commit}. */
  put(key: ObjectKey, bytes: Uint8Array, options: PutOptions): Promise<WriteResult>;
  head(key: ObjectKey): Promise<ObjectInfo | null>;
  /** Replaces the attributes, keeping the bytes; durable for uploads. */
  setAttributes(key: ObjectKey, attributes: ObjectInfo['attributes']): Promise<ObjectInfo | null>;
  /**
   * Streams; the length, and once per process the checksum, are verified before the first byte is given out.
   * `range.end` may lie past the last byte and is then cut.
   *
   * @throws RangeError when the range holds no byte of the object; ask `head` first for a range from a client.
   */
  openRead(key: ObjectKey, range?: ByteRange): Promise<OpenObject | null>;
  /** Reads whole and verified into a private buffer of exactly its size. The caller holds the reservation for it. */
  read(key: ObjectKey): Promise<{ readonly info: ObjectInfo; readonly bytes: Buffer } | null>;
  /** The object as a file, verified like {@link openRead}. */
  openLocal(key: ObjectKey): Promise<LocalObject | null>;
  /** Whether there was something to delete. Durable when it resolves. */
  delete(key: ObjectKey): Promise<boolean>;
  /** In no particular order, one page at a time; what is written meanwhile may or may not appear. */
  list(prefix: `${ObjectKind}/`): AsyncIterable<ObjectInfo>;
  /** Writes, reads and removes a small file (at most once in 5 s); throws `storage-unavailable` when that fails. */
  checkWritable(): Promise<void>;
  snapshot(): StoreSnapshot;
  /** Empties the cache of records and touches no work under way; returns the bytes freed. Absent where there is none. */
  forgetRecords?(): number;
}

/** Injection token of the {@link ObjectStore}. */
export const OBJECT_STORE = Symbol('OBJECT_STORE');
