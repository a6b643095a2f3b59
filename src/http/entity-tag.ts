/** One member of an `If-None-Match` list; an opaque tag may hold commas, so splitting at commas is wrong. */
const TAG = /(?:W\/)?("[^"]*")/g;

/**
 * Whether `If-None-Match` names this entity tag (RFC 9110, section 13.1.2: weak comparison, `*` names any).
 * What is not a list of tags matches nothing.
 */
export function namesEntityTag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag) return true;
  if (ifNoneMatch.trim() === '*') return true;
  const opaque = etag.startsWith('W/') ? etag.slice(2) : etag;
  if (!ifNoneMatch.includes(opaque)) return false;
  for (const match of ifNoneMatch.matchAll(TAG)) if (match[1] === opaque) return true;
  return false;
}
