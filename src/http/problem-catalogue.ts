import type { ErrorCode } from '../errors/index.js';

/** What HTTP says of a code. */
export interface ProblemKind {
  readonly status: number;
  /** Short, the same for every occurrence (RFC 9457, section 3.1.3). */
  readonly title: string;
  /** Base of `Retry-After` in seconds when the error brings none; every 503 and 429 has one. */
  readonly retryAfterSeconds?: number;
  /** Seconds that a shared cache may keep the answer; absent means `no-store`. At most 10. */
  readonly maxAgeSeconds?: number;
}

/** Short enough that a repaired origin shows at once, long enough to take a stampede off it. */
const ORIGIN_ABSENCE_MAX_AGE_SECONDS = 10;

/** Every code with its status. A code without an entry does not compile. */
export const PROBLEM_CATALOGUE: Readonly<Record<ErrorCode, ProblemKind>> = {
  'invalid-parameter': { status: 400, title: 'Invalid parameter' },
  'invalid-body': { status: 400, title: 'Invalid request body' },
  'unsupported-url-scheme': { status: 400, title: 'Unsupported URL scheme' },
  'route-not-found': { status: 404, title: 'Route not found' },
  'uri-too-long': { status: 414, title: 'URI too long' },
  'headers-too-large': { status: 431, title: 'Headers too large' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'body-too-large': { status: 413, title: 'Request body too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'request-timeout': { status: 408, title: 'Request timeout' },
  'missing-token': { status: 401, title: 'Missing token' },
  'invalid-token': { status: 403, title: 'Invalid token' },
  'admin-disabled': { status: 403, title: 'Admin routes closed' },
  'missing-signature': { status: 401, title: 'Missing signature' },
  'invalid-signature': { status: 403, title: 'Invalid signature' },
  'expired-signature': { status: 403, title: 'Expired signature' },
  'too-many-requests': { status: 429, title: 'Too many requests', retryAfterSeconds: 10 },
  'read-only': { status: 403, title: 'Read-only server' },

  'url-not-allowed': { status: 403, title: 'URL not allowed' },
  'origin-not-found': {
    status: 404,
    title: 'Origin answered 404',
    maxAgeSeconds: ORIGIN_ABSENCE_MAX_AGE_SECONDS,
  },
  'origin-gone': { status: 410, title: 'Origin answered 410', maxAgeSeconds: ORIGIN_ABSENCE_MAX_AGE_SECONDS },
  'origin-refused': { status: 502, title: 'Origin refused access' },
  'origin-error': { status: 502, title: 'Origin error' },
  'origin-unreachable': { status: 502, title: 'Origin unreachable' },
  'origin-timeout': { status: 504, title: 'Origin timeout' },
  'too-many-redirects': { status: 502, title: 'Too many redirects' },
  'source-too-large': { status: 413, title: 'Source too large' },

  'image-not-found': { status: 404, title: 'Image not found' },
  'not-an-image': { status: 415, title: 'Not an image' },
  'undecodable-image': { status: 422, title: 'Undecodable image' },
  'image-too-many-pixels': { status: 422, title: 'Too many pixels' },
  'image-exceeds-memory-budget': { status: 413, title: 'Image exceeds the memory budget' },
  'no-public-url': { status: 409, title: 'No public URL' },

  'bookmark-not-found': { status: 404, title: 'Bookmark not found' },
  'bookmark-url-taken': { status: 409, title: 'URL taken by another bookmark' },
  'invalid-bookmark-url': { status: 400, title: 'Invalid bookmark URL' },
  'revision-mismatch': { status: 412, title: 'Revision mismatch' },
  'tag-not-found': { status: 404, title: 'Tag not found' },
  'operation-not-found': { status: 404, title: 'Operation not found' },
  'operation-ended': { status: 409, title: 'Operation has ended' },
  'invalid-cursor': { status: 400, title: 'Invalid cursor' },
  'unreadable-import': { status: 422, title: 'Unreadable import' },
  'enrichment-deferred': { status: 503, title: 'Enrichment deferred', retryAfterSeconds: 60 },
  'not-a-page': { status: 422, title: 'Not a page' },
  'karakeep-not-configured': { status: 409, title: 'Karakeep not configured' },
  'karakeep-error': { status: 502, title: 'Karakeep error' },

  'database-unavailable': { status: 503, title: 'Database unavailable', retryAfterSeconds: 5 },
  'memory-pressure': { status: 503, title: 'Memory pressure', retryAfterSeconds: 2 },
  'server-busy': { status: 503, title: 'Server busy', retryAfterSeconds: 2 },
  'operation-timeout': { status: 504, title: 'Operation timeout' },
  'shutting-down': { status: 503, title: 'Shutting down', retryAfterSeconds: 2 },
  'snapshot-refused': { status: 503, title: 'Heap snapshot refused', retryAfterSeconds: 60 },
  'storage-unavailable': { status: 503, title: 'Storage unavailable', retryAfterSeconds: 5 },
  'internal-error': { status: 500, title: 'Internal error' },
};
