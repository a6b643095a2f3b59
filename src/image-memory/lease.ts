/** Who waits: `interactive` is a client, `background` nobody (prefetch, refresh, enrichment). Shares 4:1, background 0 from `coordinate` up. */
export type LeaseClass = 'interactive' | 'background';

export interface ReservationRequest {
  /** Estimated peak of the operation, bytes. */
  readonly bytes: number;
  readonly class: LeaseClass;
  /** What the lease is for; a redacted, bounded text for people. */
  readonly label: string;
  /** Kind of operation for calibration, such as `jpeg to webp`; by default the label up to its first digit. */
  readonly kind?: string;
  /** Longest wait in the queue, ms; at most `QUEUE_DEADLINE_MS`, which is also the default. */
  readonly deadlineMs?: number;
  /** Aborts the wait, free of charge. A granted lease is not revoked by it. */
  readonly signal?: AbortSignal;
  /** Does the lease also take one of the image job slots (decode, encode)? Reads into memory do not. */
  readonly job: boolean;
}

/**
 * Permission to hold `bytes`. Only the ledger makes one. It lives until the *native* work settles, whatever
 * becomes of the request that asked for it.
 */
export interface Lease {
  readonly id: number;
  readonly label: string;
  readonly class: LeaseClass;
  readonly bytes: number;
  readonly released: boolean;
  /** Shrinking always succeeds; growing returns `false`, and changes nothing, when it does not fit. */
  adjust(bytes: number): boolean;
  /** The waiter is gone, the native work is not: the lease counts as a zombie until released. */
  detach(): void;
  /** Idempotent, never throws, never gated. */
  release(): void;
}
