import type { Clock } from '../clock/index.js';
import { PlimsollError, type ErrorCode } from '../errors/index.js';
import type { ByteAccount } from '../process-memory/index.js';
import { isOriginFault } from './origin-faults.js';

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: PlimsollError['details'];
  readonly retryAfterSeconds: number | undefined;
  readonly expiresMonotonicMs: number;
  /** A source that was too large for one cap may fit a larger one; Infinity for the other failures. */
  readonly maxBytes: number;
  readonly weightBytes: number;
}

/** Most remembered failures (chosen: a page of broken images from each of a hundred sites). */
const MAX_ENTRIES = 4_096;

/** Budget of the memory, bytes. Registered as a byte account. */
export const FAILURE_MEMORY_BYTES = 1024 ** 2;

/** What a `Retry-After` of an origin can stretch a failure to: a long one must not outlive a repaired origin by much (chosen). */
const MAX_RETRY_AFTER_MS = 300_000;

/** Objects, map slot and the short strings of one entry, beside its URL (estimated from a heap snapshot's sizes). */
const ENTRY_OVERHEAD_BYTES = 400;

/** The negative cache: remembers for a short while that a URL failed, so that a broken origin is not asked each time. */
export class FailureMemory {
  private readonly failures = new Map<string, Failure>();
  private hitCount = 0;

  /** @param ttlMs how long a failure is remembered; 0 remembers nothing. */
  constructor(
    private readonly clock: Clock,
    private readonly ttlMs: number,
    private readonly account: ByteAccount,
  ) {}

  get entries(): number {
    return this.failures.size;
  }

  get hits(): number {
    return this.hitCount;
  }

  /** @throws PlimsollError the remembered failure, while it is fresh. */
  throwIfKnown(url: string, maxBytes: number): void {
    const failure = this.failures.get(url);
    if (failure === undefined) return;
    const leftMs = failure.expiresMonotonicMs - this.clock.monotonicMs();
    if (leftMs <= 0) {
      this.forget(url);
      return;
    }
    if (maxBytes > failure.maxBytes) return;
    this.hitCount += 1;
    throw new PlimsollError(failure.code, failure.message, {
      details: { ...failure.details, remembered: true },
      ...(failure.retryAfterSeconds !== undefined && { retryAfterSeconds: Math.ceil(leftMs / 1000) }),
    });
  }

  /** Remembers `error` when it is the origin's fault; a `Retry-After` of the origin stretches the time, up to five minutes. */
  remember(url: string, error: unknown, maxBytes: number): void {
    if (this.ttlMs === 0 || !isOriginFault(error)) return;
    this.forget(url);
    const askedMs = Math.min((error.retryAfterSeconds ?? 0) * 1000, MAX_RETRY_AFTER_MS);
    const { host = '' } = error.details;
    const characters = url.length + error.message.length + String(host).length;
    const weightBytes = 2 * characters + ENTRY_OVERHEAD_BYTES;
    this.failures.set(url, {
      code: error.code,
      message: error.message,
      details: error.details,
      retryAfterSeconds: error.retryAfterSeconds,
      expiresMonotonicMs: this.clock.monotonicMs() + Math.max(this.ttlMs, askedMs),
      maxBytes: error.code === 'source-too-large' ? maxBytes : Infinity,
      weightBytes,
    });
    this.account.usedBytes += weightBytes;
    while (this.failures.size > MAX_ENTRIES || this.account.usedBytes > this.account.budgetBytes) {
      const [oldest] = this.failures.keys();
      if (oldest === undefined) break;
      this.forget(oldest);
    }
  }

  forget(url: string): void {
    const failure = this.failures.get(url);
    if (failure === undefined) return;
    this.failures.delete(url);
    this.account.usedBytes -= failure.weightBytes;
  }

  clear(): void {
    this.failures.clear();
    this.account.usedBytes = 0;
  }
}
