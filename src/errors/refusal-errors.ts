import { PlimsollError, type PlimsollErrorOptions } from './plimsoll-error.js';

/**
 * Work refused because of memory, before it started. A type of its own, so that no caller can take it for
 * "not found", an empty result or a failure worth remembering: it is never cached.
 */
export class MemoryPressureError extends PlimsollError {
  override readonly name = 'MemoryPressureError';

  constructor(message: string, options: PlimsollErrorOptions & { readonly retryAfterSeconds: number }) {
    super('memory-pressure', message, options);
  }
}

/** An operation that can never fit the memory budget: permanent, without `Retry-After`. */
export class MemoryBudgetExceededError extends PlimsollError {
  override readonly name = 'MemoryBudgetExceededError';

  constructor(wantedBytes: number, availableBytes: number) {
    super(
      'image-exceeds-memory-budget',
      `The operation needs about ${wantedBytes} bytes; this server can never give more than ${availableBytes} to one operation. ` +
        'Ask for a smaller output or a smaller source.',
      { details: { wantedBytes, availableBytes } },
    );
  }
}

/** The client went away or the caller gave up; never answered, never cached, never counted as a fault. */
export class AbortedError extends Error {
  override readonly name = 'AbortError';

  constructor(message = 'The operation was aborted by its caller.', options?: ErrorOptions) {
    super(message, options);
  }
}

/** A deadline passed. Distinct from an abort by the caller and from a refusal. */
export class OperationTimeoutError extends PlimsollError {
  override readonly name = 'OperationTimeoutError';

  constructor(
    readonly operation: string,
    readonly timeoutMs: number,
  ) {
    super('operation-timeout', `The operation "${operation}" did not finish within ${timeoutMs} ms.`, {
      details: { timeoutMs },
    });
  }
}

/** Whether `error` says that a caller aborted (ours, or the platform's `AbortError`). */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
