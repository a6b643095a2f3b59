import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { ContentDecoder, parseContentCoding } from './content-decoder.js';

describe('ContentDecoder', () => {
  it('holds the origin back while its target does, and loses nothing', async () => {
    const body = randomBytes(1_000_000);
    const calls: string[] = [];
    const decoded: Buffer[] = [];
    const ended = deferred();
    const resumed = deferred();
    const decoder = new ContentDecoder(
      'gzip',
      {
        pause: () => void calls.push('pause'),
        resume: () => {
          calls.push('resume');
          resumed.resolve();
        },
      },
      { push: (chunk) => void decoded.push(chunk), end: ended.resolve, fault: ended.reject },
    );

    decoder.pause();
    decoder.push(gzipSync(body));
    expect(calls).toEqual(['pause']);
    expect(decoded).toEqual([]);

    decoder.resume();
    await resumed.promise;
    decoder.end();
    await ended.promise;
    expect(calls).toEqual(['pause', 'resume']);
    expect(Buffer.concat(decoded).equals(body)).toBe(true);
  });
});

describe('parseContentCoding', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['GZIP', 'gzip'],
    [' x-gzip ', 'gzip'],
    ['deflate', 'deflate'],
    ['br', 'br'],
  ])('reads %j as %j', (header, expected) => {
    expect(parseContentCoding(header)).toBe(expected);
  });

  it.each(['zstd', 'gzip, gzip', 'compress', 'none'])('refuses %s', (header) => {
    expect(() => parseContentCoding(header)).toThrow(expect.objectContaining({ code: 'origin-error' }));
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
