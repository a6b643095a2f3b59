import type { ErrorCode } from './error-code.js';

export interface PlimsollErrorOptions {
  /** The inner fault; logged, never shown to a client. */
  readonly cause?: unknown;
  /** Figures for the log and for `problem+json` members; no secrets, no paths, no query strings. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  /** Base of the `Retry-After` header in seconds; absent on a permanent refusal. */
  readonly retryAfterSeconds?: number;
  /** What the log should hold beside the public message. */
  readonly logMessage?: string;
}

/**
 * A fault with a stable code. `message` is public: it says what was wrong and what is allowed, and never
 * holds a secret, a token, a local path or the query string of a URL. Compare `code`, not the class:
 * `instanceof` does not survive a process boundary.
 */
export class PlimsollError extends Error {
  override readonly name: string = 'PlimsollError';
  readonly details: Readonly<Record<string, string | number | boolean>>;
  readonly retryAfterSeconds: number | undefined;
  readonly logMessage: string | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: PlimsollErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.logMessage = options.logMessage;
  }
}

/** Whether `error` is one of ours, optionally with one of these codes. */
export function isPlimsollError(error: unknown, ...codes: readonly ErrorCode[]): error is PlimsollError {
  return error instanceof PlimsollError && (codes.length === 0 || codes.includes(error.code));
}
