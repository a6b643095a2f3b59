import type { IncomingHttpHeaders } from 'node:http';

/** What stops and starts the bytes: the connection, or the decoder between. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** Takes the decoded body of one answer. Ends in exactly one of `onComplete`, `onFault` (of its start), `discard`. */
export interface BodyTarget {
  /** Called before the first byte. */
  start(): void;
  push(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
  /** More encoded bytes came than the cap can decode to. */
  overflow(): void;
  /** Drops what was received and waits until nothing of it is left. Idempotent, never rejects. */
  discard(): Promise<void>;
}

/** What a target is made from, when status and headers are there. */
export interface BodyStart<B> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Length that the body will have when the origin tells the truth; `undefined` when it did not say or is encoded. */
  readonly expectedBytes: number | undefined;
  readonly flow: Flow;
  /** The body is there, or no more of it is wanted. */
  readonly onComplete: (body: B) => void;
  readonly onFault: (error: unknown) => void;
}

/** Makes the target of an answer's body; `undefined` declines it. */
export type OpenBody<B> = (start: BodyStart<B>) => BodyTarget | undefined;
