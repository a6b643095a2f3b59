import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { isAbort, isPlimsollError } from '../../errors/index.js';
import {
  RequestCharges,
  type ImageSource,
  type LoadedSource,
  type RequestContext,
} from '../../images/index.js';
import { DarkIcons } from './dark-icons.js';
import { IconBook, lightKey, type KnownIcon } from './icon-book.js';
import type { IconOrigin } from './icon-candidate.js';
import type { IconDomain } from './icon-domain.js';
import { IconLookups, type LookupOutcome } from './icon-lookups.js';
import { LetterIcons } from './letter-icons.js';

export type IconTheme = 'light' | 'dark';

/** The picture that stands for a site: a source for `UnifiedImageService`, and where it comes from. */
export interface SiteIcon {
  readonly source: ImageSource;
  readonly loaded: LoadedSource;
  readonly from: IconOrigin | 'letter';
  /** Of the icon on its site. */
  readonly url?: string;
}

/** Longest that a request waits for the search, ms; the letter stands in afterwards. */
const PATIENCE_MS = 10_000;

/** How long a letter holds that only bridges a search, ms. */
const BRIDGE_MS = 60_000;

/** A letter for a site whose icon was not found, ms. */
const LETTER_MS = 3_600_000;

/** Not the site's fault, and over soon. */
const BRIDGED = ['operation-timeout', 'server-busy', 'memory-pressure'] as const;

/** The icon of a site, best source first; a letter when there is none. Never fails for what a site does. */
@Injectable()
export class IconService {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly charges: RequestCharges,
    private readonly book: IconBook,
    private readonly lookups: IconLookups,
    private readonly letters: LetterIcons,
    private readonly darkIcons: DarkIcons,
  ) {}

  /**
   * @throws AbortedError when the client left; MemoryPressureError when a dark icon must not be made now;
   *   PlimsollError `too-many-requests`, `storage-unavailable`, `shutting-down`
   */
  async find(domain: IconDomain, theme: IconTheme, context: RequestContext): Promise<SiteIcon> {
    const known = await this.book.find(domain);
    if (known !== undefined) {
      this.refreshIfStale(domain, known);
      return this.themed(domain, known, theme, context);
    }
    const failure = this.book.failure(domain);
    if (failure !== undefined)
      return this.letter(domain, Math.min(failure.until, this.clock.now() + LETTER_MS));
    await this.charges.charge(context);
    const outcome = await this.search(domain, context);
    // Under pressure whoever serves the letter refuses it, unless it is in memory.
    if (outcome === undefined) return this.letter(domain, this.clock.now() + BRIDGE_MS);
    if (outcome.kind === 'none') return this.letter(domain, this.clock.now() + LETTER_MS);
    return this.themed(domain, outcome.icon, theme, context, outcome.png);
  }

  /** Forgets all about a site's icon: the next request searches anew. */
  async forget(domain: IconDomain): Promise<void> {
    this.lookups.abort(domain);
    await this.book.forget(domain);
  }

  /** The store has lost the picture of an icon that was still known. */
  async drop(domain: IconDomain): Promise<void> {
    await this.book.forget(domain);
  }

  /** `undefined` when a letter must bridge it: it takes too long, or there is no room for it now. */
  private async search(
    domain: IconDomain,
    context: RequestContext,
    isLast = false,
  ): Promise<LookupOutcome | undefined> {
    try {
      return await this.lookups.run(domain, { signal: context.signal, deadlineMs: PATIENCE_MS });
    } catch (error) {
      if (context.signal.aborted) throw error;
      // The icon was forgotten while it was being looked for.
      if (isAbort(error)) return isLast ? undefined : this.search(domain, context, true);
      if (!isPlimsollError(error, ...BRIDGED)) throw error;
      return undefined;
    }
  }

  private refreshIfStale(domain: IconDomain, { record }: KnownIcon): void {
    if (this.clock.now() < record.freshUntil || this.book.failure(domain) !== undefined) return;
    this.lookups.refresh(domain);
  }

  private async themed(
    domain: IconDomain,
    icon: KnownIcon,
    theme: IconTheme,
    context: RequestContext,
    png?: Buffer,
  ): Promise<SiteIcon> {
    const facts = { from: icon.from, url: icon.url };
    if (theme === 'dark' && icon.darkMark) {
      return { ...facts, ...(await this.darkIcons.of(domain, icon, context.signal, png)) };
    }
    return {
      ...facts,
      source: { kind: 'derived', key: lightKey(domain) },
      loaded: {
        record: icon.record,
        stale: this.clock.now() >= icon.record.freshUntil,
        ...(png === undefined ? {} : { bytes: png }),
      },
    };
  }

  private async letter(domain: IconDomain, until: number): Promise<SiteIcon> {
    return { ...(await this.letters.of(domain, until)), from: 'letter' };
  }
}
