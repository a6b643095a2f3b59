import { createHash, timingSafeEqual } from 'node:crypto';
import { PlimsollError } from '../errors/index.js';

/** A list of bearer tokens; kept as digests, compared in constant time whatever their length. */
export class BearerTokens {
  private readonly digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.digests = tokens.map(digest);
  }

  /**
   * Checks an `Authorization` header.
   *
   * @throws PlimsollError `missing-token` without a bearer token, `invalid-token` with one that is not known.
   */
  check(authorization: string | undefined): void {
    const match = /^bearer +([^\s]+) *$/i.exec(authorization ?? '');
    if (match?.[1] === undefined) {
      throw new PlimsollError(
        'missing-token',
        'This route needs the header "Authorization: Bearer <token>".',
      );
    }
    const given = digest(match[1]);
    // No early end: the time must not tell which token came close.
    const known = this.digests.map((expected) => timingSafeEqual(expected, given)).includes(true);
    if (!known) throw new PlimsollError('invalid-token', 'The bearer token is not known.');
  }
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();
