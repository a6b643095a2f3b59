/** Chosen: an origin that was restarted is back in seconds, one that is down gets six requests an hour. */
const BASE_MS = 2_000;
const CAP_MS = 600_000;

/**
 * Pause after the failed attempt number `attempt` (1 is the first), ms: doubled each time, of which a random half to
 * whole, so that what failed together does not come back together.
 *
 * @param random gives 0 to 1
 */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(CAP_MS, BASE_MS * 2 ** Math.max(0, attempt - 1));
  return Math.round(whole * (0.5 + random() / 2));
}
