import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { factsOf, openFacts, pathOf } from './request-facts.js';

const withId = (id: string | undefined): IncomingMessage =>
  ({ headers: { 'x-request-id': id } }) as unknown as IncomingMessage;

describe('the request id', () => {
  it.each(['12345678', 'a1b2-c3.d4:e5/f6+g7=', 'x'.repeat(128)])(
    'is taken over from the client: %.30s',
    (id) => {
      expect(openFacts(withId(id), 0).id).toBe(id);
    },
  );

  it.each([
    undefined,
    '',
    'short',
    'x'.repeat(129),
    'with space in it',
    'line\nbreak-in-it',
    '<script>alert</script>',
  ])('is made when the client sends %j', (id) => {
    expect(openFacts(withId(id), 0).id).toMatch(/^[\w-]{16}$/);
  });

  it('stays the same for one request', () => {
    const request = withId(undefined);

    expect(factsOf(request)).toBe(factsOf(request));
  });
});

describe('the path in a log line', () => {
  it.each([
    ['/api/images?sig=secret', '/api/images'],
    ['/a#b', '/a'],
    [`/${'x'.repeat(600)}`, `/${'x'.repeat(511)}`],
  ])('of %.30s', (target, path) => {
    expect(pathOf(target)).toBe(path);
  });
});
