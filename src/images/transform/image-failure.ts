import { MemoryPressureError, OperationTimeoutError, PlimsollError } from '../../errors/index.js';

/**
 * What codecs and libvips say when memory runs out, some of it dressed up as "corrupt header"
 * (measured under RLIMIT_DATA, `memory.md` section 5). Never to be taken for a damaged picture.
 */
const OUT_OF_MEMORY =
  /out of memory|insufficient memory|not enough memory|allocation failed|allocate|memory exhausted|unable to encode|av1_create_context|undefined aom error|ENOMEM/i;

/** Our own mistakes in calling sharp; a damaged picture never causes these. */
const MISUSE =
  /^Expected |extract_area|bad extract|Unsupported output format|parameter .* not set|no property named/i;

const PIXEL_LIMIT =
  /exceeds pixel limit|exceeds \d+x\d+ pixel limit|exceeds channel limit|too large for the/i;
const TIMED_OUT = /^timeout: \d+% complete/i;
const FILE_GONE = /Input file is missing|ENOENT|unable to open for read/i;

/** Base of `Retry-After` for memory that ran out inside a codec, seconds: that of the pressure rung. */
const RETRY_AFTER_SECONDS = 2;

/**
 * The typed error behind a failure of sharp while it read, decoded or encoded a picture whose type is known.
 * What is not recognised is the picture's fault: `undecodable-image`. Errors that are already ours pass through.
 */
export function imageFailure(error: unknown, timeoutMs = 0): Error {
  if (error instanceof PlimsollError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const logMessage = text.slice(0, 300);
  if (OUT_OF_MEMORY.test(text)) {
    return new MemoryPressureError(
      'Memory ran out inside a codec. The picture itself may be fine: try again.',
      {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
        logMessage,
      },
    );
  }
  if (TIMED_OUT.test(text)) return new OperationTimeoutError('image transform', timeoutMs);
  if (PIXEL_LIMIT.test(text)) {
    return new PlimsollError(
      'image-too-many-pixels',
      'The image has more pixels than its header said or than is allowed.',
      {
        cause: error,
        logMessage,
      },
    );
  }
  if (FILE_GONE.test(text)) {
    return new PlimsollError('storage-unavailable', 'The stored source could not be read.', {
      cause: error,
      logMessage,
    });
  }
  if (MISUSE.test(text) || error instanceof TypeError) {
    return new PlimsollError('internal-error', 'The image operation could not be carried out.', {
      cause: error,
      logMessage,
    });
  }
  return new PlimsollError(
    'undecodable-image',
    'The image could not be decoded: it is damaged or truncated.',
    {
      cause: error,
      logMessage,
    },
  );
}
