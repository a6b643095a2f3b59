/** Strong entity tag of bytes by their sha256: 128 bits are plenty for equality. */
export const etagOf = (sha256: string): string => `"${sha256.slice(0, 32)}"`;

/** Whether `If-None-Match` (a list, `W/` prefixes or `*`) names this tag; weak comparison, as RFC 9110 section 13.1.2 asks. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}
