import { describe, expect, it } from '@jest/globals';
import { linkFails } from '../merge/http-state.js';
import { recheckAfterFailure, refreshAfterSuccess, retryBehindWall } from './refresh-times.js';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);

describe('the time of the next look', () => {
  it.each([
    [0, 27],
    [0.5, 30],
    [1, 33],
  ])('lies within a tenth of REFRESH_AFTER_MS after a success (random %d)', (random, days) => {
    expect(refreshAfterSuccess(NOW, 30 * DAY_MS, random)).toBe(NOW + days * DAY_MS);
  });

  it('doubles the age of a failure, up to 90 days, from the two days on that prove it', () => {
    let http = linkFails({ status: 200, checkedAt: NOW, failingSince: null, deadSince: null }, 404, NOW);
    const waits: number[] = [];
    for (let now = NOW, look = 0; look < 9; look += 1) {
      const next = recheckAfterFailure(now, http, 0);
      waits.push((next - now) / DAY_MS);
      now = next;
      http = linkFails(http, 404, now);
    }

    expect(waits).toEqual([2, 2, 4, 8, 16, 32, 64, 90, 90]);
    expect(http.deadSince).toBe(NOW + 2 * DAY_MS);
  });

  it('adds up to a tenth to the look at a failing link, and takes nothing away', () => {
    const http = { status: 404, checkedAt: NOW, failingSince: NOW, deadSince: null };

    expect(recheckAfterFailure(NOW, http, 1)).toBe(NOW + 2.2 * DAY_MS);
  });

  it.each([
    [1, 1],
    [2, 2],
    [4, 8],
    [20, 90],
    [Infinity, 90],
  ])('doubles behind a wall: after refusal %d it waits %d days', (attempts, days) => {
    expect(retryBehindWall(NOW, attempts, 0)).toBe(NOW + days * DAY_MS);
  });

  it('survives a clock that was set back', () => {
    const http = { status: 404, checkedAt: NOW, failingSince: NOW + DAY_MS, deadSince: null };

    expect(recheckAfterFailure(NOW, http, 0)).toBe(NOW + 2 * DAY_MS);
    expect(linkFails(http, 404, NOW).deadSince).toBeNull();
  });
});
