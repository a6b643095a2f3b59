import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../errors/index.js';
import { signUrl, verifyUrl } from './url-signature.js';

const KEY = 'one-key-of-good-length';
const OLD = 'old-key-of-good-length';
const NOW_MS = Date.UTC(2026, 0, 1);

function refusal(url: string, keys: readonly string[] = [KEY]): ErrorCode | undefined {
  try {
    verifyUrl(url, keys, NOW_MS);
    return undefined;
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
}

describe('a signed URL', () => {
  it('carries HMAC-SHA256 over version, path and sorted query', () => {
    const expected = createHmac('sha256', KEY).update('v1\n/api/images\nurl=a&w=1').digest('base64url');

    expect(signUrl('/api/images?w=1&url=a', KEY)).toBe(`/api/images?w=1&url=a&sig=${expected}`);
  });

  it('is signed anew when it already was', () => {
    const once = signUrl('/api/images?w=1', OLD, { expiresAtSeconds: 5 });

    expect(signUrl(once, KEY)).toBe(signUrl('/api/images?w=1', KEY));
  });

  it('works without any parameter', () => {
    expect(refusal(signUrl('/api/images/abc', KEY))).toBeUndefined();
  });

  it.each([
    ['the new key', [KEY, OLD], KEY],
    ['the old key', [KEY, OLD], OLD],
    ['the only key', [KEY], KEY],
  ] as const)('is accepted with %s', (_what, keys, signer) => {
    expect(refusal(signUrl('/api/images?w=1', signer), keys)).toBeUndefined();
  });

  it('is refused once its key is retired', () => {
    expect(refusal(signUrl('/api/images?w=1', OLD), [KEY])).toBe('invalid-signature');
  });

  it.each([
    ['one second before its end', NOW_MS / 1_000 + 1, undefined],
    ['at its end', NOW_MS / 1_000, 'expired-signature'],
  ] as const)('%s answers %s', (_what, expiresAtSeconds, code) => {
    expect(refusal(signUrl('/api/images?w=1', KEY, { expiresAtSeconds }))).toBe(code);
  });

  it('is told invalid, not expired, when both are true', () => {
    expect(refusal(`${signUrl('/api/images?w=1', KEY, { expiresAtSeconds: 1 })}&h=1`)).toBe(
      'invalid-signature',
    );
  });

  it.each(['sig=', 'sig=AAAA', 'sig=%00', `sig=${'A'.repeat(43)}`, `sig=${'A'.repeat(5_000)}`])(
    'refuses %.20s',
    (sig) => {
      expect(refusal(`/api/images?w=1&${sig}`)).toBe('invalid-signature');
    },
  );

  it('refuses a text that only decodes to the signed one', () => {
    const signed = signUrl('/api/images?url=a%2Bb', KEY);

    expect(refusal(signed.replace('a%2Bb', 'a+b'))).toBe('invalid-signature');
  });

  it('uses the canonical form that it is given, for signing and checking', () => {
    const canonicalQuery = (path: string): string => `always-${path}`;
    const signed = signUrl('/api/images?w=1', KEY, { canonicalQuery });

    expect(() => verifyUrl(signed.replace('w=1', 'w=2'), [KEY], NOW_MS, canonicalQuery)).not.toThrow();
    expect(refusal(signed)).toBe('invalid-signature');
  });
});
