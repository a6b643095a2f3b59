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

/** What every request to an origin says. */
export interface SourceRequest {
  /** As the client gave it, decoded once. */
  readonly url: string;
  /** `Accept` header to send. */
  readonly accept: string;
  /** Cap on the decompressed body, bytes. */
  readonly maxBytes: number;
  /** Deadline of the fetch, ms: redirects and body, from its first download slot on. Over it `origin-timeout`. */
  readonly timeoutMs: number;
  /** Longest wait for that slot, ms; `timeoutMs` by default. Over it `server-busy`: the origin has no part in it. */
  readonly queueTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Sent as conditional headers; the outcome may then be `not-modified`. */
  readonly validators?: Validators;
}

/** A source that is wanted whole; over `maxBytes` it is `source-too-large`. */
export interface FetchRequest<S extends FetchSink> extends SourceRequest {
  /** Bodies above this many bytes go to a sink from `openSink`, the part already received first. */
  readonly memoryThresholdBytes: number;
  readonly openSink: () => Promise<S>;
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

/** Headers that a reader may ask about; lower-case names, only those that were present, each cut at 4096 characters. */
export type HeadHeaders = Readonly<
  Partial<
    Record<
      | 'retry-after'
      | 'link'
      | 'etag'
      | 'last-modified'
      | 'x-robots-tag'
      | 'content-language'
      | 'cache-control'
      | 'expires'
      | 'date'
      | 'age',
      string
    >
  >
>;

/** The head of the last answer, after all redirects. */
export interface AnswerHead {
  readonly status: number;
  readonly finalUrl: string;
  /** As sent, parameters included, at most 256 characters. */
  readonly contentType: string | undefined;
  readonly headers: HeadHeaders;
}

/** A source that is read while it comes in; `maxBytes` ends the reading, without an error. */
export interface ReadRequest extends SourceRequest {
  /** Sees the head of an answer that has a body (2xx but 206); the body of a declined one is not read. */
  readonly onHead?: (head: AnswerHead) => 'read' | 'decline';
  /** Takes decoded bytes. The chunk may be used during the call only; `enough` ends the reading. */
  readonly onChunk: (chunk: Buffer) => 'more' | 'enough';
}

export type ReadOutcome =
  | { readonly kind: 'not-modified' | 'declined'; readonly head: AnswerHead }
  | {
      readonly kind: 'read';
      readonly head: AnswerHead;
      /** Decoded bytes that were given to `onChunk`. */
      readonly bytesRead: number;
      /** Why reading ended: the body did, the reader had enough, or `maxBytes` were there and more came. */
      readonly end: 'whole' | 'enough' | 'max-bytes';
      /** `end` is `max-bytes`. */
      readonly truncated: boolean;
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
