import type { Request, Response } from 'express';
import type { Bookmark } from '../model/bookmark.js';
import { revisionTag } from '../service/revision-tag.js';

/** A person's own data: kept by nobody in between, asked for again each time. */
export const PRIVATE = ['Cache-Control', 'private, no-cache'] as const;

/** Puts the revision of a bookmark onto its answer. */
export function stampRevision(response: Response, bookmark: Bookmark): void {
  response.setHeader('ETag', revisionTag(bookmark));
}

/**
 * Names the next page as RFC 8288 has it: the same query with another cursor, relative to the host that the client
 * used.
 */
export function linkNextPage(request: Request, response: Response, parameter: string, value: string): void {
  const target = new URL(request.originalUrl, 'http://localhost');
  target.searchParams.set(parameter, value);
  response.setHeader('Link', `<${target.pathname}${target.search}>; rel="next"`);
}
