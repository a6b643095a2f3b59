import { PlimsollError } from '../errors/index.js';

/** The system's code of a failed call (`ENOSPC`), or `undefined` for any other error. Tells by shape, not by class: `instanceof` ends at a realm. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined;
}

export const isMissing = (error: unknown): boolean => systemCode(error) === 'ENOENT';

/** Failures that pass by themselves when load falls or someone frees space. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'access was denied',
  EPERM: 'access was denied',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk failed',
};

/**
 * A failed system call as `storage-unavailable`; any other error as it is. The public text names the reason,
 * never a path: the inner error, with its path, is the cause.
 */
export function toStorageError(error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof PlimsollError) return error;
  return storageUnavailable(REASONS[code] ?? `the file system answered ${code}`, error);
}

export function storageUnavailable(reason: string, cause?: unknown): PlimsollError {
  return new PlimsollError('storage-unavailable', `The object store cannot be used: ${reason}.`, {
    cause,
    retryAfterSeconds: 5,
    ...(systemCode(cause) === undefined ? {} : { logMessage: (cause as Error).message }),
  });
}
