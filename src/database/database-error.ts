import { PlimsollError } from '../errors/index.js';

/** Why the rows cannot be had; the end of the sentence "The database cannot be used: …". */
const SQLITE_REASONS: Readonly<Record<string, string>> = {
  SQLITE_BUSY: 'another process holds its lock',
  SQLITE_LOCKED: 'another process holds its lock',
  SQLITE_FULL: 'the disk is full',
  SQLITE_READONLY: 'its file may not be written',
  SQLITE_IOERR: 'the disk failed',
  SQLITE_CORRUPT: 'its file is damaged',
  SQLITE_NOTADB: 'its file is damaged',
  SQLITE_CANTOPEN: 'its file cannot be opened',
  SQLITE_PERM: 'access was denied',
  SQLITE_NOMEM: 'the system gave it no memory',
  SQLITE_PROTOCOL: 'another process holds its lock',
};

/** By class (two characters) or whole SQLSTATE; appendix A of the PostgreSQL manual. */
const POSTGRES_REASONS: Readonly<Record<string, string>> = {
  '08': 'the connection broke',
  '28': 'the server refused the login',
  '3D': 'the server does not have that database',
  '53': 'the server is out of disk, memory or connections',
  '57': 'the server is shutting down or cancelled the statement',
  '58': 'the server failed to read or write',
  XX: 'the server reports damaged data',
  '25006': 'the server is read-only',
  '42501': 'the server denied access',
  '40001': 'too many writers changed the same rows',
  '40P01': 'too many writers changed the same rows',
  '55P03': 'another process holds a lock',
};

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the server refuses connections',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  ETIMEDOUT: 'the server does not answer',
  EHOSTUNREACH: 'the server cannot be reached',
  ENETUNREACH: 'the server cannot be reached',
  ENOTFOUND: 'the name of the server does not resolve',
  EAI_AGAIN: 'the name of the server does not resolve',
};

/** What `pg` says without any code. */
const POSTGRES_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/timeout exceeded when trying to connect/i, 'all connections are busy, or the server does not answer'],
  [/connection terminated|client has encountered a connection error|not queryable/i, 'the connection broke'],
  [/query read timeout/i, 'the server does not answer'],
];

/** Conflicts between transactions that end by themselves when one of them is run again. */
const RETRYABLE = new Set(['40001', '40P01', '55P03']);

/** A failure of the engine as `database-unavailable` with its reason; any other error as it is. */
export function toDatabaseError(error: unknown): unknown {
  if (error instanceof PlimsollError) return error;
  const reason = reasonOf(error);
  return reason === undefined ? error : databaseUnavailable(reason, error);
}

export function databaseUnavailable(reason: string, cause?: unknown): PlimsollError {
  return new PlimsollError('database-unavailable', `The database cannot be used: ${reason}.`, {
    cause,
    retryAfterSeconds: 5,
    ...(cause instanceof Error
      ? { logMessage: `The database cannot be used: ${reason} (${cause.message}).` }
      : {}),
  });
}

/** Whether a row with the same unique value exists; the statement changed nothing. */
export function isUniqueViolation(error: unknown): boolean {
  const code = codeOf(error);
  return code === '23505' || code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY';
}

/** Whether the transaction may be run again at once: a serialisation failure or a deadlock. */
export function isConflict(error: unknown): boolean {
  const inner = error instanceof PlimsollError ? error.cause : error;
  return RETRYABLE.has(codeOf(inner) ?? '');
}

/** Whether SQLite says that another process holds the lock. */
export function isLocked(error: unknown): boolean {
  return /^SQLITE_(?:BUSY|LOCKED|PROTOCOL)/.test(codeOf(error) ?? '');
}

/** Whether SQLite would have to write to the file's folder, or may not open the file, to read it. */
export function isNotReadable(error: unknown): boolean {
  return /^SQLITE_(?:READONLY|CANTOPEN)/.test(codeOf(error) ?? '');
}

export function reasonOf(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code === undefined) return reasonOfText(error);
  if (code.startsWith('SQLITE_')) return SQLITE_REASONS[code.split('_', 2).join('_')];
  return SYSTEM_REASONS[code] ?? POSTGRES_REASONS[code] ?? POSTGRES_REASONS[code.slice(0, 2)];
}

function reasonOfText(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return POSTGRES_TEXTS.find(([pattern]) => pattern.test(error.message))?.[1];
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
