import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AbortedError, isPlimsollError, PlimsollError } from '../../errors/index.js';
import { bodyTooLarge, ByteCap } from './byte-cap.js';

/** The parts of an HTTP request's headers that say what its body is. */
export interface BodyHeaders {
  readonly 'content-type'?: string | undefined;
  readonly 'content-length'?: string | undefined;
}

/** Multipart framing around one file: boundaries and part headers, bytes (generous). */
const MULTIPART_OVERHEAD_BYTES = 64 * 1024;

/**
 * Streams the image of an upload into `sink`, which is ended or destroyed: the raw body with an image type
 * (or `application/octet-stream`), or the one `file` of a multipart form.
 *
 * @throws PlimsollError `unsupported-media-type`, `body-too-large`, `invalid-body`; AbortedError when the client left
 */
export async function receiveBody(
  body: Readable,
  headers: BodyHeaders,
  sink: Writable,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const type = (headers['content-type'] ?? '').toLowerCase();
  const multipart = type.startsWith('multipart/form-data');
  if (!multipart && !/^(?:image\/[\w.+-]+|application\/octet-stream)\s*(?:;|$)/.test(type)) {
    throw new PlimsollError(
      'unsupported-media-type',
      'Content-Type must be an image type, application/octet-stream or multipart/form-data with a part named file.',
    );
  }
  const declared = Number(headers['content-length'] ?? 0);
  if (declared > maxBytes + (multipart ? MULTIPART_OVERHEAD_BYTES : 0)) throw bodyTooLarge(maxBytes);
  try {
    if (multipart) await receiveMultipart(body, headers['content-type'] ?? '', sink, maxBytes, signal);
    else await pipeline(body, new ByteCap(maxBytes), sink, { signal });
  } catch (error) {
    throw hasLeft(error, signal) ? leave(error) : error;
  }
}

/** The request's socket broke; `pipeline` destroys the body on any failure, so that `destroyed` says nothing. */
function hasLeft(error: unknown, signal: AbortSignal): boolean {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return signal.aborted || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** A body that broke off because the client left is no fault of the body. */
function leave(error: unknown): unknown {
  return isPlimsollError(error)
    ? error
    : new AbortedError('The client left during the upload.', { cause: error });
}

async function receiveMultipart(
  body: Readable,
  contentType: string,
  sink: Writable,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  // Loaded with the first form: most deployments never see one.
  const { Busboy } = await import('@fastify/busboy');
  const form = makeForm(
    () =>
      new Busboy({
        headers: { 'content-type': contentType },
        limits: { files: 1, fields: 8, parts: 9, fieldSize: 1_024, headerPairs: 32, fileSize: maxBytes + 1 },
      }),
  );
  let file: Promise<void> | undefined;
  let source: Readable | undefined;
  form.on('file', (field, stream) => {
    if (field !== 'file' || file !== undefined) {
      stream.resume();
      return;
    }
    source = stream;
    file = pipeline(stream, new ByteCap(maxBytes), sink, { signal });
    // Reported below; without a handler of its own an early failure would be unhandled.
    file.catch((error: Error) => form.destroy(error));
  });
  try {
    await pipeline(body, form, { signal });
  } catch (error) {
    // The form does not end its file when it is ended itself.
    source?.destroy(error as Error);
    await file?.catch(() => undefined);
    throw isPlimsollError(error) || hasLeft(error, signal) ? error : malformed(error);
  }
  if (file === undefined)
    throw new PlimsollError('invalid-body', 'The form must have a file part named file.');
  await file;
}

function makeForm<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw malformed(error);
  }
}

const malformed = (cause: unknown): PlimsollError =>
  new PlimsollError('invalid-body', 'The multipart form is malformed or incomplete.', { cause });
