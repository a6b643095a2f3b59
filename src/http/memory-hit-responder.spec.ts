import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { MemoryLevel } from '../events/index.js';
import { MemoryHitResponder } from './memory-hit-responder.js';

const HIT = {
  headers: ['ETag', '"a"', 'Content-Length', '1'],
  notModifiedHeaders: ['ETag', '"a"'],
  etag: '"a"',
  body: Buffer.from('x'),
};

interface Written {
  status: number;
  headers: readonly string[];
  body: unknown;
}

function ask(
  request: Partial<IncomingMessage>,
  level: MemoryLevel = 'normal',
  isDraining = false,
): Written | 'left' {
  const written: Written = { status: 0, headers: [], body: undefined };
  const response = {
    writeHead: (status: number, headers: string[]) => Object.assign(written, { status, headers }),
    end: (body?: unknown) => Object.assign(written, { body }),
  };
  const responder = new MemoryHitResponder(
    { lookup: (url) => (url === '/hit' ? HIT : null) },
    () => level,
    () => isDraining,
  );
  const socket = { writableLength: 0 };
  const full = { method: 'GET', url: '/hit', headers: {}, socket, ...request };
  return responder.tryAnswer(full as IncomingMessage, response as unknown as ServerResponse)
    ? written
    : 'left';
}

describe('the responder in front of Express', () => {
  it('sends the prepared headers and bytes themselves, no copy', () => {
    const written = ask({}) as Written;

    expect(written.headers).toBe(HIT.headers);
    expect(written.body).toBe(HIT.body);
  });

  it.each(['POST', 'DELETE', 'OPTIONS', 'PUT'])('leaves %s to the full path', (method) => {
    expect(ask({ method })).toBe('left');
  });

  it.each(['/hit?', '/Hit', '//hit', '/hit#', 'http://localhost/hit'])(
    'knows the exact URL only, not %s',
    (url) => {
      expect(ask({ url })).toBe('left');
    },
  );

  it.each([
    { range: 'bytes=0-0' },
    { 'if-match': '*' },
    { 'if-unmodified-since': 'x' },
    { 'content-length': '1' },
    { 'transfer-encoding': 'chunked' },
  ])('leaves %j to the full path', (headers) => {
    expect(ask({ headers })).toBe('left');
  });

  it.each(['normal', 'coordinate', 'degraded', 'pressure'] as const)('answers at %s', (level) => {
    expect(ask({}, level)).toMatchObject({ status: 200 });
  });

  it.each(['critical', 'emergency'] as const)('answers nothing at %s', (level) => {
    expect(ask({}, level)).toBe('left');
  });

  it('answers nothing while draining', () => {
    expect(ask({}, 'normal', true)).toBe('left');
  });

  it('drops a reader that stops reading, by a timeout set only when bytes are left', () => {
    const timeouts: number[] = [];
    const setTimeout = (ms: number): void => void timeouts.push(ms);

    ask({ socket: { writableLength: 0, setTimeout } as never });
    expect(timeouts).toEqual([]);
    ask({ socket: { writableLength: 9, setTimeout } as never });

    expect(timeouts).toEqual([120_000]);
  });
});
