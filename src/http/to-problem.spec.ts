import {
  BadRequestException,
  HttpException,
  InternalServerErrorException,
  PayloadTooLargeException,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AbortedError,
  ERROR_CODES,
  MemoryBudgetExceededError,
  MemoryPressureError,
  PlimsollError,
  type ErrorCode,
} from '../errors/index.js';
import { PROBLEM_CATALOGUE } from './problem-catalogue.js';
import { problemBody } from './problem.js';
import { toProblem } from './to-problem.js';

const map = (error: unknown): { code: string; status: number; isFault: boolean; detail: string } => {
  const { problem, isFault } = toProblem(error, 'request-1', false);
  return {
    code: problem.code,
    status: problem.status ?? PROBLEM_CATALOGUE[problem.code].status,
    isFault,
    detail: problem.detail,
  };
};

describe('the problem catalogue', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    'gives %s a status of an error, a title, and a wait exactly when it passes',
    (code) => {
      const kind = PROBLEM_CATALOGUE[code];

      expect(kind.status).toBeGreaterThanOrEqual(400);
      expect(kind.status).toBeLessThan(600);
      expect(kind.title).not.toBe('');
      expect(kind.retryAfterSeconds !== undefined).toBe(kind.status === 503 || kind.status === 429);
      expect(kind.maxAgeSeconds ?? 0).toBeLessThanOrEqual(10);
    },
  );
});

describe('an error becomes a problem', () => {
  it.each([
    ['pressure', new MemoryPressureError('Later.', { retryAfterSeconds: 5 }), 503, 'memory-pressure'],
    ['a budget', new MemoryBudgetExceededError(2, 1), 413, 'image-exceeds-memory-budget'],
    ['a bad request of the frame', new BadRequestException('No.'), 400, 'invalid-parameter'],
    ['a large body', new PayloadTooLargeException(), 413, 'body-too-large'],
    [
      'a status without a code of its own',
      new HttpException('I am a teapot.', 418),
      418,
      'invalid-parameter',
    ],
    ['a bad path', new BadRequestException('x', { cause: new URIError('secret') }), 400, 'invalid-parameter'],
    ['bad JSON', new BadRequestException('x', { cause: new SyntaxError('secret') }), 400, 'invalid-body'],
    [
      'an error of Express',
      Object.assign(new Error('long'), { status: 413, expose: true }),
      413,
      'body-too-large',
    ],
  ] as const)('%s', (_what, error, status, code) => {
    const mapped = map(error);

    expect(mapped).toMatchObject({ status, code, isFault: false });
    expect(mapped.detail).not.toContain('secret');
  });

  it.each([
    new Error('secret'),
    new TypeError('secret'),
    new InternalServerErrorException('secret'),
    Object.assign(new Error('secret'), { status: 500, expose: false }),
    'secret',
    undefined,
    null,
  ])('%s is a fault of ours and tells nothing', (error) => {
    const mapped = map(error);

    expect(mapped).toMatchObject({ status: 500, code: 'internal-error', isFault: true });
    expect(mapped.detail).not.toContain('secret');
    expect(mapped.detail).toContain('request-1');
  });

  it('an abort while draining is the shutdown, else a fault', () => {
    expect(toProblem(new AbortedError(), 'r', true).problem.code).toBe('shutting-down');
    expect(toProblem(new AbortedError(), 'r', false)).toMatchObject({
      isFault: true,
      problem: { code: 'internal-error' },
    });
  });

  it('its figures never replace the members of RFC 9457', () => {
    const error = new PlimsollError('not-an-image', 'Text.', {
      details: { status: 1, code: 'x', pixels: 9 },
    });

    expect(JSON.parse(problemBody(toProblem(error, 'r', false).problem))).toMatchObject({
      status: 415,
      code: 'not-an-image',
      pixels: 9,
    });
  });
});
