import { describe, expect, it } from '@jest/globals';
import { PlimsollError } from '../errors/index.js';
import { isConflict, isLocked, isUniqueViolation, toDatabaseError } from './database-error.js';

const failure = (code: string | undefined, message = 'inner /secret/path'): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

describe('toDatabaseError', () => {
  it.each([
    ['SQLITE_BUSY', 'another process holds its lock'],
    ['SQLITE_BUSY_SNAPSHOT', 'another process holds its lock'],
    ['SQLITE_FULL', 'the disk is full'],
    ['SQLITE_READONLY_DIRECTORY', 'its file may not be written'],
    ['SQLITE_IOERR_WRITE', 'the disk failed'],
    ['SQLITE_CORRUPT_VTAB', 'its file is damaged'],
    ['SQLITE_NOTADB', 'its file is damaged'],
    ['ECONNREFUSED', 'the server refuses connections'],
    ['ENOTFOUND', 'the name of the server does not resolve'],
    ['08006', 'the connection broke'],
    ['57P01', 'the server is shutting down or cancelled the statement'],
    ['53300', 'the server is out of disk, memory or connections'],
    ['28P01', 'the server refused the login'],
    ['25006', 'the server is read-only'],
    ['40001', 'too many writers changed the same rows'],
  ])('tells of %s that %s', (code, reason) => {
    const inner = failure(code);

    expect(toDatabaseError(inner)).toMatchObject({
      code: 'database-unavailable',
      message: `The database cannot be used: ${reason}.`,
      retryAfterSeconds: 5,
      cause: inner,
    });
  });

  it.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
    'Query read timeout',
  ])('knows the driver’s own "%s"', (message) => {
    expect(toDatabaseError(failure(undefined, message))).toMatchObject({ code: 'database-unavailable' });
  });

  it.each([
    ['a fault of a statement', failure('SQLITE_ERROR')],
    ['a constraint', failure('SQLITE_CONSTRAINT_UNIQUE')],
    ['a constraint of PostgreSQL', failure('23505')],
    ['any other error', new TypeError('x')],
    ['what is no error', 'text'],
    ['one of ours', new PlimsollError('bookmark-not-found', 'No.')],
  ])('leaves %s as it is', (_what, error) => {
    expect(toDatabaseError(error)).toBe(error);
  });
});

describe('the kinds of failure', () => {
  it('knows a unique violation of both engines', () => {
    expect(
      ['23505', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'].map((code) =>
        isUniqueViolation(failure(code)),
      ),
    ).toEqual([true, true, true]);
    expect(
      ['23503', 'SQLITE_CONSTRAINT_FOREIGNKEY', undefined].map((code) => isUniqueViolation(failure(code))),
    ).toEqual([false, false, false]);
  });

  it('knows a conflict also when it was told as ours', () => {
    expect(isConflict(failure('40P01'))).toBe(true);
    expect(isConflict(toDatabaseError(failure('40001')))).toBe(true);
    expect(isConflict(toDatabaseError(failure('57P01')))).toBe(false);
  });

  it('knows a lock of another process', () => {
    expect(isLocked(failure('SQLITE_BUSY'))).toBe(true);
    expect(isLocked(failure('SQLITE_FULL'))).toBe(false);
  });
});
