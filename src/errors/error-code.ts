/**
 * Every stable code a client can see, with what it means. The HTTP status of each stands in
 * `http/problem-catalogue.ts`; a code without one does not compile.
 */
export const ERROR_CODES = {
  // the request
  'invalid-parameter': 'A query parameter or header is unknown, repeated, malformed or out of range.',
  'invalid-body': 'The request body could not be read as what the route expects.',
  'unsupported-url-scheme': 'The source URL is not http or https.',
  'route-not-found': 'No such route.',
  'uri-too-long': 'The request target is longer than the limit.',
  'headers-too-large': 'Request line and headers together are larger than the limit.',
  'method-not-allowed': 'The route exists, the method does not.',
  'body-too-large': 'The request body is larger than the limit.',
  'unsupported-media-type': 'The content type of the body is not accepted here.',
  'request-timeout': 'The client was too slow sending its request.',
  'missing-token': 'The route needs a bearer token.',
  'invalid-token': 'The bearer token is not known.',
  'admin-disabled': 'No ADMIN_TOKEN is configured: the admin routes are closed.',
  'missing-signature': 'The URL must be signed.',
  'invalid-signature': 'The signature does not match the URL.',
  'expired-signature': 'The signed URL has expired.',
  'too-many-requests': 'The client asked for more uncached work than its share.',
  'read-only': 'The server runs read-only and writes nothing.',
  // the source
  'url-not-allowed': 'The address of the source is not public and not on the allow-list.',
  'origin-not-found': 'The origin answered 404.',
  'origin-gone': 'The origin answered 410.',
  'origin-refused': 'The origin answered 401 or 403.',
  'origin-error': 'The origin answered an error or broke off.',
  'origin-unreachable': 'No connection to the origin, or its name does not resolve.',
  'origin-timeout': 'The origin was too slow.',
  'too-many-redirects': 'The origin redirected more often than allowed.',
  'source-too-large': 'The source has more bytes than allowed.',
  // the image
  'image-not-found': 'No image with this id.',
  'not-an-image': 'The bytes are not an image of a supported type.',
  'undecodable-image': 'The image is damaged or truncated.',
  'image-too-many-pixels': 'The image has more pixels or frames than allowed.',
  'image-exceeds-memory-budget': 'The operation can never fit the memory budget of this server.',
  'no-public-url': 'The object has no public URL: neither a CDN nor an object store is configured.',
  // bookmarks
  'bookmark-not-found': 'No bookmark with this id.',
  'bookmark-url-taken': 'Another bookmark has this URL.',
  'invalid-bookmark-url': 'The URL cannot be kept as a bookmark.',
  'revision-mismatch': 'The bookmark has changed since the revision that If-Match names.',
  'tag-not-found': 'No tag with this id.',
  'operation-not-found': 'No operation with this id.',
  'operation-ended': 'The operation has ended in a state that this does not change any more.',
  'invalid-cursor': 'The cursor was not made by this server for this list.',
  'unreadable-import': 'The file is not a bookmark export that can be read.',
  'enrichment-deferred': 'The page was not fetched now: its host rests, or memory is short.',
  'not-a-page': 'The URL does not lead to an HTML page.',
  'karakeep-not-configured': 'KARAKEEP_URL and KARAKEEP_API_KEY are not set.',
  'karakeep-error': 'The Karakeep server answered something that cannot be used.',
  // the server
  'database-unavailable': 'The database is locked, full, read-only or cannot be reached.',
  'memory-pressure': 'The memory line is close: the work was refused before it started.',
  'server-busy': 'The queue is full or its wait would exceed the deadline.',
  'operation-timeout': 'The operation took longer than its deadline.',
  'shutting-down': 'The server is draining.',
  'storage-unavailable': 'The object store cannot be read or written.',
  'snapshot-refused': 'A heap snapshot would not fit under the memory line.',
  'internal-error': 'A fault of the server.',
} as const satisfies Record<string, string>;

/** A stable, kebab-case code of a problem. Codes are never renamed, only added. */
export type ErrorCode = keyof typeof ERROR_CODES;
