import type { Writable } from 'node:stream';

/** Validators of an origin's earlier answer. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** Where a large body goes while it downloads; `object-storage`'s `Spool` fits. */
export interface FetchSink {
  readonly writable: Writable;
  discard(): Promise<void>;
}

export interface FetchRequest<S extends FetchSink> {
  /** As the client gave it, decoded once. */
  readonly url: string;
  /** `Accept` header to send. */
  readonly accept: string;
  /** Cap on the decompressed body, bytes; over it `source-too-large`. */
  readonly maxBytes: number;
  /** Bodies above this many bytes go to a sink from `openSink`, the part already received first. */
  readonly memoryThresholdBytes: number;
  readonly openSink: () => Promise<S>;
  /** Deadline of the fetch, ms: redirects and body, from its first download slot on. Over it `origin-timeout`. */
  readonly timeoutMs: number;
  /** Longest wait for that slot, ms; `timeoutMs` by default. Over it `server-busy`: the origin has no part in it. */
  readonly queueTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Sent as conditional headers; the outcome may then be `not-modified`. */
  readonly validators?: Validators;
}

/** Headers of the origin that decide freshness; lower-case names, only those that were present. */
export type FreshnessHeaders = Readonly<
  Partial<Record<'cache-control' | 'expires' | 'date' | 'age' | 'etag' | 'last-modified' | 'pragma', string>>
>;

export type FetchOutcome<S extends FetchSink> =
  | { readonly kind: 'not-modified'; readonly headers: FreshnessHeaders; readonly finalUrl: string }
  | {
      readonly kind: 'memory';
      /** A private buffer of exactly its length. */
      readonly bytes: Buffer;
      readonly contentType: string | undefined;
      readonly headers: FreshnessHeaders;
      readonly finalUrl: string;
    }
  | {
      readonly kind: 'sink';
      /** Finished; the caller owns it now and commits or discards it. */
      readonly sink: S;
      readonly contentType: string | undefined;
      readonly headers: FreshnessHeaders;
      readonly finalUrl: string;
    };

export interface FetchSnapshot {
  readonly active: number;
  readonly waiting: number;
  readonly completed: number;
  readonly failedByCode: Readonly<Record<string, number>>;
  readonly negativeEntries: number;
  readonly negativeHits: number;
  /** Open connections, idle ones included. */
  readonly connections: number;
  readonly idleConnections: number;
}
