/**
 * Why a host is left alone: a visit is under way; the pause after the last one; the host asked for it
 * (`Retry-After`); it failed too often in a row.
 */
export type RestReason = 'busy' | 'pause' | 'retry-after' | 'broken';

/** Thrown instead of a visit. Not a failure: the host was not asked. */
export class HostResting extends Error {
  override readonly name = 'HostResting';

  constructor(
    /** When to come back, epoch ms. */
    readonly retryAt: number,
    readonly reason: RestReason,
  ) {
    super(`The host is left alone for now (${reason}).`);
  }
}
