import type { HttpState } from '../../model/bookmark.js';

/** A link is dead when it has failed at two times at least this far apart, ms, and never worked in between. */
export const DEAD_AFTER_MS = 2 * 86_400_000;

/** The link works: whatever was held against it is gone. */
export function linkWorks(status: number, now: number): HttpState {
  return { status, checkedAt: now, failingSince: null, deadSince: null };
}

/** The link leads nowhere (404, 410, no host, no answer). `status`: the origin's, `null` without one. */
export function linkFails(before: HttpState, status: number | null, now: number): HttpState {
  const failingSince = before.failingSince ?? now;
  const dead = now - failingSince >= DEAD_AFTER_MS;
  return {
    status,
    checkedAt: now,
    failingSince,
    deadSince: before.deadSince ?? (dead ? now : null),
  };
}

/** Something answered and let us not see the page (403, 429, a wall): neither for nor against the link. */
export function linkUndecided(before: HttpState, status: number | null, now: number): HttpState {
  return { ...before, status, checkedAt: now };
}
