import { hkdfSync } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { BookmarkPictureLinks } from '../bookmarks/index.js';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { signUrl, verifyUrl, type CanonicalQuery } from './url-signature.js';

/**
 * A link ends at the second midnight (UTC) after it was made: it lives for one to two days, and is the same all day, so
 * that browsers find the picture in their cache.
 */
const DAY_SECONDS = 86_400;

/** RFC 5869: keys of different purposes differ, so a signature of an image URL opens no bookmark. */
const PURPOSE = 'plimsoll picture of a bookmark v1';
const KEY_BYTES = 32;

/**
 * What is signed beside the path: the end alone. The page that shows the picture chooses size and format, as the
 * holder of a token may.
 */
const endOnly: CanonicalQuery = (_path, rawQuery) =>
  rawQuery
    .split('&')
    .filter((pair) => pair.startsWith('exp='))
    .join('&');

/**
 * Links that open the picture of one bookmark and nothing else, until they end. Signed by a key that is derived from
 * the first of `IMAGE_URL_SIGNING_KEY`, else of `API_TOKENS`; verified by all of them, so that they can be rotated.
 * Without `API_TOKENS` the pictures are open and links are plain.
 */
@Injectable()
export class PictureLinks implements BookmarkPictureLinks {
  private readonly keys: readonly string[];

  constructor(
    @Inject(SETTINGS) { values }: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const secrets =
      values.API_TOKENS === undefined ? [] : (values.IMAGE_URL_SIGNING_KEY ?? values.API_TOKENS);
    this.keys = secrets.map(keyOf);
  }

  get expire(): boolean {
    return this.keys.length > 0;
  }

  sign(path: string): string {
    const [key] = this.keys;
    if (key === undefined) return path;
    const today = Math.floor(this.clock.now() / (DAY_SECONDS * 1_000));
    return signUrl(path, key, { expiresAtSeconds: (today + 2) * DAY_SECONDS, canonicalQuery: endOnly });
  }

  /** Whether a request target claims to be such a link. */
  isLink(target: string): boolean {
    return /[?&]sig=/.test(target);
  }

  /** In constant time. @throws PlimsollError `invalid-signature`, `expired-signature` */
  verify(target: string): void {
    verifyUrl(target, this.keys, this.clock.now(), endOnly);
  }
}

const keyOf = (secret: string): string =>
  Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES)).toString('base64url');
