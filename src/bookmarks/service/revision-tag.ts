import { PlimsollError } from '../../errors/index.js';
import type { Bookmark } from '../model/bookmark.js';

/** The strong entity tag of a bookmark at its revision. */
export const revisionTag = ({ id, revision }: Pick<Bookmark, 'id' | 'revision'>): string =>
  `"${id}-${revision}"`;

/** One member of the list; ours never hold a comma, those of strangers may. */
const LIST = /^(?:\s*(?:W\/)?"[^"]*"\s*(?:,|$))+$/;
const TAG = /(W\/)?("[^"]*")/g;

/** Whether `If-None-Match` names this revision (RFC 9110, section 13.1.2: weak comparison, `*` for any). */
export function isKnownRevision(
  ifNoneMatch: string | undefined,
  bookmark: Pick<Bookmark, 'id' | 'revision'>,
): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return [...ifNoneMatch.matchAll(TAG)].some(([, , tag]) => tag === revisionTag(bookmark));
}

/** Throws when the bookmark is not at a revision that the client has seen. */
export type Precondition = (current: Pick<Bookmark, 'id' | 'revision'>) => void;

/**
 * What `If-Match` asks for (RFC 9110, section 13.1.1: strong comparison, `*` for any); nothing without a header.
 *
 * @throws PlimsollError `invalid-parameter` for what is no list of entity tags
 */
export function preconditionOf(ifMatch: string | undefined): Precondition | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  if (!LIST.test(ifMatch)) {
    throw new PlimsollError(
      'invalid-parameter',
      'If-Match must be an ETag as an answer of this bookmark gave it, quotes included, or *.',
    );
  }
  const strong = new Set(
    [...ifMatch.matchAll(TAG)].filter(([, weak]) => weak === undefined).map(([, , tag]) => tag),
  );
  return (current) => {
    if (strong.has(revisionTag(current))) return;
    throw new PlimsollError(
      'revision-mismatch',
      'The bookmark has changed since the revision in If-Match; read it again and repeat the change.',
      { details: { etag: revisionTag(current) } },
    );
  };
}
