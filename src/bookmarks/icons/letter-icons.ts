import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { DerivedImages, type ImageSource, type LoadedSource } from '../../images/index.js';
import { letterKey } from './icon-book.js';
import type { IconDomain } from './icon-domain.js';
import { letterIcon } from './letter-icon.js';

/** Letter icons as sources. They are drawn again rather than stored: a drawing has half a kilobyte. */
@Injectable()
export class LetterIcons {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly derived: DerivedImages,
  ) {}

  /** The letter of a site; what is not known yet is fresh until `until`, epoch ms. */
  async of(
    domain: IconDomain,
    until: number,
  ): Promise<{ readonly source: ImageSource; readonly loaded: LoadedSource }> {
    const key = letterKey(domain);
    const bytes = letterIcon(domain.hostname);
    const known = this.derived.peek(key);
    const record =
      known !== undefined && this.clock.now() < known.freshUntil && known.freshUntil <= until
        ? known
        : await this.derived.adopt(key, bytes, { freshUntil: until, staleUntil: until });
    return { source: { kind: 'derived', key }, loaded: { record, bytes, stale: false } };
  }
}
