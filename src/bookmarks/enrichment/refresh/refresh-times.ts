import type { HttpState } from '../../model/bookmark.js';
import { DEAD_AFTER_MS } from '../merge/http-state.js';

const DAY_MS = 86_400_000;

/** Links that fail are looked at ever more rarely, down to this, ms. */
export const LONGEST_RECHECK_MS = 90 * DAY_MS;

/** Share by which a time is moved, so that what came together is not looked up together. */
const JITTER_RATIO = 0.1;

/** The next look at a page that was read. `random`: 0 to 1. */
export function refreshAfterSuccess(now: number, refreshAfterMs: number, random: number): number {
  return Math.round(now + refreshAfterMs * (1 - JITTER_RATIO + 2 * JITTER_RATIO * random));
}

/**
 * The next look at a link that fails: after two days, which is when it may be called dead; from then on after as
 * long as it has been failing, which doubles the time, up to 90 days. Jitter only adds: less than two days proves
 * nothing.
 */
export function recheckAfterFailure(now: number, http: HttpState, random: number): number {
  const failingForMs = now - (http.failingSince ?? now);
  const waitMs = Math.min(LONGEST_RECHECK_MS, Math.max(DEAD_AFTER_MS, failingForMs));
  return Math.round(now + waitMs * (1 + JITTER_RATIO * random));
}

/** The next look at a page behind a refusal or a wall: a day, doubling with each one in a row, up to 90 days. */
export function retryBehindWall(now: number, attempts: number, random: number): number {
  const waitMs = Math.min(LONGEST_RECHECK_MS, DAY_MS * 2 ** Math.max(0, attempts - 1));
  return Math.round(now + waitMs * (1 + JITTER_RATIO * random));
}
