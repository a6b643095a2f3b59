import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { AbortedError, isPlimsollError, PlimsollError } from '../../../errors/index.js';
import type { FormatHints } from '../readers/detect-format.js';
import { ByteLimit, importTooLarge } from './byte-limit.js';

/** The parts of an HTTP request's headers that say what its body is. */
export interface ImportHeaders {
  readonly 'content-type'?: string | undefined;
  readonly 'content-length'?: string | undefined;
}

/** Multipart framing around one file: boundaries and part headers, bytes (generous). */
const MULTIPART_OVERHEAD_BYTES = 64 * 1024;

/** Types of text that exporters and people send; the bytes decide what it is. */
const ACCEPTED =
  /^(?:text\/[\w.+-]+|application\/(?:[\w.+-]*json|x-ndjson|jsonl|jsonlines|json-seq|csv|xhtml\+xml|octet-stream))\s*(?:;|$)/;

/**
 * Streams an uploaded file into `sink`, which is ended or destroyed: the raw body, or the one `file` of a form.
 * `onHints` is called before its first byte.
 *
 * @throws PlimsollError `unsupported-media-type`, `body-too-large`, `invalid-body`; AbortedError when the client left
 */
export async function receiveImport(
  body: Readable,
  headers: ImportHeaders,
  sink: Writable,
  maxBytes: number,
  onHints: (hints: FormatHints) => void,
  signal: AbortSignal,
): Promise<void> {
  const contentType = headers['content-type'] ?? '';
  const type = contentType.toLowerCase();
  const isForm = type.startsWith('multipart/form-data');
  if (!isForm && !ACCEPTED.test(type)) {
    throw new PlimsollError(
      'unsupported-media-type',
      'Content-Type must be a text or JSON type, application/octet-stream or multipart/form-data with a part named file.',
    );
  }
  const declared = Number(headers['content-length'] ?? 0);
  if (declared > maxBytes + (isForm ? MULTIPART_OVERHEAD_BYTES : 0)) throw importTooLarge(maxBytes);
  try {
    if (isForm) await receiveForm(body, contentType, sink, maxBytes, onHints, signal);
    else {
      onHints({ contentType });
      const limit = new ByteLimit(maxBytes);
      await pouring(body, limit, () => pipeline(limit, sink, { signal }));
    }
  } catch (error) {
    throw hasLeft(error, signal) && !isPlimsollError(error)
      ? new AbortedError('The client left during the upload.', { cause: error })
      : error;
  }
}

/** The request's socket broke. */
function hasLeft(error: unknown, signal: AbortSignal): boolean {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return signal.aborted || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/**
 * Pipes the body into `target` while `work` goes on. Unlike `pipeline` it leaves a body alone whose target has failed:
 * a request that is destroyed cannot be read to its end, and its client would wait for that instead of for the answer.
 */
async function pouring(body: Readable, target: Writable, work: () => Promise<void>): Promise<void> {
  const onError = (error: Error): void => void target.destroy(error);
  const onClose = (): void => {
    if (!body.readableEnded) target.destroy(brokenOff());
  };
  // Either may fail later, too, when nobody waits for it: without a listener that would end the process.
  body.on('error', onError);
  target.on('error', () => undefined);
  body.once('close', onClose);
  try {
    if (body.destroyed && !body.readableEnded) target.destroy(body.errored ?? brokenOff());
    else body.pipe(target);
    await work();
  } finally {
    body.unpipe(target);
    body.off('close', onClose);
    target.destroy();
  }
}

const brokenOff = (): Error =>
  Object.assign(new Error('The body broke off.'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });

/** Faults of the disk under the sink: not of the form. */
function isOfSystem(error: unknown): boolean {
  return typeof (error as { readonly errno?: unknown } | null)?.errno === 'number';
}

async function receiveForm(
  body: Readable,
  contentType: string,
  sink: Writable,
  maxBytes: number,
  onHints: (hints: FormatHints) => void,
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
  form.on('file', (field, stream, fileName, _encoding, partType) => {
    if (field !== 'file' || file !== undefined) {
      stream.resume();
      return;
    }
    source = stream;
    onHints({ fileName, contentType: partType });
    file = pipeline(stream, new ByteLimit(maxBytes), sink, { signal });
    // Reported below; without a handler of its own an early failure would be unhandled.
    file.catch((error: Error) => form.destroy(error));
  });
  try {
    await pouring(body, form, () => finished(form, { signal }));
  } catch (error) {
    // The form does not end its file when it is ended itself.
    source?.destroy(error as Error);
    await file?.catch(() => undefined);
    throw isPlimsollError(error) || hasLeft(error, signal) || isOfSystem(error) ? error : malformed(error);
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
