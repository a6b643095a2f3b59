import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import type { ErrorCode } from '../../errors/index.js';
import { DerivedImages, type Freshness, type SourceRecord } from '../../images/index.js';
import { OBJECT_STORE, type ObjectKey, type ObjectStore } from '../../object-storage/index.js';
import { RemoteFetcher } from '../../remote-fetch/index.js';
import { ServerCache } from '../../server-cache/index.js';
import type { IconOrigin } from './icon-candidate.js';
import { guessedIcons } from './declared-icons.js';
import { pageUrls, type IconDomain } from './icon-domain.js';
import type { IconFinding } from './icon-finder.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An icon is looked for again after a day, and shown for a month when nothing comes of that. */
const FRESH_MS = DAY_MS;
const STALE_MS = 30 * DAY_MS;

/** After one failure, doubled with each further one up to a day. */
const FIRST_FAILURE_MS = HOUR_MS;
const LONGEST_FAILURE_MS = DAY_MS;

/** How long the number of failures is remembered beyond the last one's term. */
const FAILURE_COUNT_MS = 2 * DAY_MS;

/** Longest URL that is remembered of a failure, characters: it is only for being forgotten on request. */
const MAX_TRIED_CHARACTERS = 512;

/** A known icon: what it is, and its picture in the store. */
export interface KnownIcon {
  readonly from: IconOrigin;
  readonly url: string;
  readonly darkMark: boolean;
  readonly record: SourceRecord;
}

/** A site without a usable icon. */
export interface IconFailure {
  /** In a row. */
  readonly failures: number;
  /** Epoch ms until which it is not asked again. */
  readonly until: number;
  readonly code: ErrorCode;
  readonly tried: readonly string[];
}

type IconDetails = Pick<KnownIcon, 'from' | 'url' | 'darkMark'>;

export const lightKey = ({ host }: IconDomain): ObjectKey => `originals/icons/${host}/light`;
export const darkKey = ({ host }: IconDomain): ObjectKey => `originals/icons/${host}/dark`;
export const letterKey = ({ host }: IconDomain): ObjectKey => `originals/icons/${host}/letter`;

const detailsKey = ({ host }: IconDomain): string => `icon:${host}`;
const failureKey = ({ host }: IconDomain): string => `icon-failure:${host}`;

/** What is known of the icons of sites: pictures in the store, facts and failures in the server cache. */
@Injectable()
export class IconBook {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly cache: ServerCache,
    private readonly derived: DerivedImages,
    private readonly fetcher: RemoteFetcher,
  ) {}

  /** The icon, also one that should be looked for again; `undefined` past its month. Store faults are thrown. */
  async find(domain: IconDomain): Promise<KnownIcon | undefined> {
    const record = await this.derived.find(lightKey(domain));
    if (record === undefined || this.clock.now() >= record.staleUntil) return undefined;
    const details = this.cache.get<IconDetails>(detailsKey(domain)) ?? (await this.readDetails(domain));
    return details === undefined ? undefined : { ...details, record };
  }

  /** The failure that still holds. */
  failure(domain: IconDomain): IconFailure | undefined {
    const failure = this.cache.get<IconFailure>(failureKey(domain));
    return failure === undefined || failure.until <= this.clock.now() ? undefined : failure;
  }

  /** Keeps a found icon; failures and stand-ins are forgotten. */
  async keep(domain: IconDomain, found: Extract<IconFinding, { kind: 'icon' }>): Promise<KnownIcon> {
    const { icon, from, url } = found;
    const now = this.clock.now();
    const details: IconDetails = { from, url, darkMark: icon.darkMark };
    await this.derived.remove(darkKey(domain));
    const record = await this.derived.keep(
      lightKey(domain),
      icon.png,
      { freshUntil: now + FRESH_MS, staleUntil: now + FRESH_MS + STALE_MS },
      { iconFrom: from, iconUrl: url, darkMark: icon.darkMark },
    );
    this.cache.set(detailsKey(domain), details, { ttlMs: FRESH_MS });
    this.cache.delete(failureKey(domain));
    this.derived.forget(letterKey(domain));
    return { ...details, record };
  }

  /** Remembers that nothing was found; an icon that was found before stays. */
  async fail(domain: IconDomain, code: ErrorCode, tried: readonly string[]): Promise<IconFailure> {
    const before = this.cache.lookup<IconFailure>(failureKey(domain))?.value.failures ?? 0;
    const ttlMs = Math.min(LONGEST_FAILURE_MS, FIRST_FAILURE_MS * 2 ** Math.min(before, 10));
    const failure: IconFailure = {
      failures: before + 1,
      until: this.clock.now() + ttlMs,
      code,
      tried: tried.filter((url) => url.length <= MAX_TRIED_CHARACTERS),
    };
    this.cache.set(failureKey(domain), failure, { ttlMs, staleTtlMs: FAILURE_COUNT_MS });
    const known = await this.derived.find(lightKey(domain));
    if (known !== undefined && this.clock.now() < known.staleUntil) {
      await this.derived.renew(known, { freshUntil: failure.until, staleUntil: known.staleUntil });
    }
    this.derived.forget(letterKey(domain));
    return failure;
  }

  /** Forgets the icon and what failed on the way to it: the next request looks for it anew. */
  async forget(domain: IconDomain): Promise<void> {
    const failure = this.cache.lookup<IconFailure>(failureKey(domain))?.value;
    const usual = pageUrls(domain).flatMap((url) => [url, ...guessedIcons(url).map((guess) => guess.url)]);
    for (const url of [...usual, ...(failure?.tried ?? [])]) this.fetcher.forget(url);
    this.cache.delete(failureKey(domain));
    this.cache.delete(detailsKey(domain));
    this.derived.forget(letterKey(domain));
    await this.derived.remove(lightKey(domain));
    await this.derived.remove(darkKey(domain));
  }

  /** The picture for dark pages, if it was made of this very icon. */
  async findDark(domain: IconDomain, icon: KnownIcon): Promise<SourceRecord | undefined> {
    const dark = await this.derived.find(darkKey(domain));
    if (dark === undefined) return undefined;
    const { freshUntil, staleUntil } = icon.record;
    if (dark.freshUntil === freshUntil) return dark;
    await this.derived.renew(dark, { freshUntil, staleUntil });
    return { ...dark, freshUntil, staleUntil };
  }

  async keepDark(domain: IconDomain, png: Buffer, freshness: Freshness): Promise<SourceRecord> {
    const { freshUntil, staleUntil } = freshness;
    return this.derived.keep(darkKey(domain), png, { freshUntil, staleUntil });
  }

  private async readDetails(domain: IconDomain): Promise<IconDetails | undefined> {
    const info = await this.store.head(lightKey(domain));
    const { iconFrom, iconUrl, darkMark } = info?.attributes ?? {};
    if (typeof iconFrom !== 'string' || typeof iconUrl !== 'string' || typeof darkMark !== 'boolean')
      return undefined;
    const details: IconDetails = { from: iconFrom as IconOrigin, url: iconUrl, darkMark };
    this.cache.set(detailsKey(domain), details, { ttlMs: FRESH_MS });
    return details;
  }
}
