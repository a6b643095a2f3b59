import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CLOCK, type Clock } from '../../clock/index.js';
import { ImageMemoryManager, type ImageEntry } from '../../image-memory/index.js';
import { ByteAccounts, type ByteAccount } from '../../process-memory/index.js';
import { acceptClass, type AcceptClass } from '../negotiation/accept-class.js';
import { cacheControl, cacheStatus, IMAGE_HEADERS } from './response-headers.js';

/** A whole answer, ready to be written by a responder that knows nothing of images. */
export interface PreparedHit {
  /** Name, value, name, value, … of a 200. */
  readonly headers: readonly string[];
  /** The same for a 304. */
  readonly notModifiedHeaders: readonly string[];
  readonly etag: string;
  readonly body: Buffer;
}

/** What the full path knows when it has accepted a URL and answered it from, or into, memory. */
export interface HitOffer {
  /** The request target as it came, undecoded. */
  readonly rawUrl: string;
  readonly accept: string | undefined;
  /** Did `Accept` take part in choosing the format? */
  readonly negotiated: boolean;
  readonly variantKey: string;
  /** A signature's expiry, epoch ms; `FOREVER` without one. */
  readonly notAfter: number;
}

/** Holds no image: an entry that the buffer cache evicts must be free to go. */
interface Hit {
  readonly variantKey: string;
  readonly etag: string;
  readonly notAfter: number;
  readonly headers: string[];
  readonly notModifiedHeaders: string[];
  /** Second for which `Cache-Control` was written. */
  second: number;
}

export interface HitTableSnapshot {
  readonly urls: number;
  readonly usedBytes: number;
  readonly budgetBytes: number;
  readonly hits: number;
}

/** Budget of the table itself: URLs and headers; the bytes of images belong to the buffer cache. */
const TABLE_BUDGET_BYTES = 8 * 1024 ** 2;

/** Objects, map slots and header strings of one entry beside its URL, bytes (measured by heap growth over 10 000 entries, rounded up). */
const ENTRY_OVERHEAD_BYTES = 1_500;

/**
 * URLs that may be answered from memory without parsing: only those that the full path has already accepted,
 * each tied to one entry of the buffer cache. When that entry leaves, expires or is replaced, the hit is gone.
 */
@Injectable()
export class HitTable implements OnModuleDestroy {
  private readonly account: ByteAccount;
  private hits = 0;
  private readonly byUrl: LRUCache<string, Map<AcceptClass | 'any', Hit>>;

  constructor(
    private readonly imageMemory: ImageMemoryManager,
    @Inject(CLOCK) private readonly clock: Clock,
    accounts: ByteAccounts,
  ) {
    this.account = accounts.open('hit-table', TABLE_BUDGET_BYTES);
    this.byUrl = new LRUCache({
      maxSize: TABLE_BUDGET_BYTES,
      sizeCalculation: (hits, url) => url.length * 2 + hits.size * ENTRY_OVERHEAD_BYTES,
    });
  }

  /** Remembers that this URL is answered by this entry of the buffer cache. Ignores what is not fresh or not there. */
  offer(offer: HitOffer): void {
    const entry = this.imageMemory.peek(offer.variantKey);
    if (entry === undefined || entry.freshUntil <= this.clock.now()) return;
    const slot = offer.negotiated ? acceptClass(offer.accept) : 'any';
    const hits = new Map(this.byUrl.peek(offer.rawUrl));
    if (hits.get(slot)?.etag === entry.etag) return;
    hits.set(slot, this.prepare(offer, entry));
    this.byUrl.set(offer.rawUrl, hits);
    this.account.usedBytes = this.byUrl.calculatedSize;
  }

  /** The prepared answer, or `null` when the full path must decide. Counts as a hit of the buffer cache. */
  lookup(rawUrl: string, accept: string | undefined): PreparedHit | null {
    const hits = this.byUrl.get(rawUrl);
    if (hits === undefined) return null;
    const hit = hits.get('any') ?? hits.get(acceptClass(accept));
    if (hit === undefined) return null;
    const now = this.clock.now();
    const entry = this.imageMemory.get(hit.variantKey);
    if (entry === undefined || entry.etag !== hit.etag || now >= entry.freshUntil || now >= hit.notAfter) {
      this.forget(rawUrl);
      return null;
    }
    this.rewriteLifetime(hit, entry, now);
    this.hits += 1;
    return {
      headers: hit.headers,
      notModifiedHeaders: hit.notModifiedHeaders,
      etag: hit.etag,
      body: entry.bytes,
    };
  }

  forget(rawUrl: string): void {
    this.byUrl.delete(rawUrl);
    this.account.usedBytes = this.byUrl.calculatedSize;
  }

  clear(): void {
    this.byUrl.clear();
    this.account.usedBytes = 0;
  }

  snapshot(): HitTableSnapshot {
    return {
      urls: this.byUrl.size,
      usedBytes: this.account.usedBytes,
      budgetBytes: TABLE_BUDGET_BYTES,
      hits: this.hits,
    };
  }

  onModuleDestroy(): void {
    this.clear();
    this.account.close();
  }

  private prepare(offer: HitOffer, entry: ImageEntry): Hit {
    const shared = [
      'Cache-Control',
      '',
      'ETag',
      entry.etag,
      'Cache-Status',
      cacheStatus({ kind: 'memory' }),
      ...IMAGE_HEADERS.flat(),
      ...(offer.negotiated ? ['Vary', 'Accept'] : []),
    ];
    return {
      headers: [...shared, 'Content-Type', entry.contentType, 'Content-Length', String(entry.bytes.length)],
      notModifiedHeaders: shared.slice(),
      etag: entry.etag,
      variantKey: offer.variantKey,
      notAfter: offer.notAfter,
      second: -1,
    };
  }

  /** What is left of the freshness changes once a second, not once a hit. */
  private rewriteLifetime(hit: Hit, entry: ImageEntry, now: number): void {
    const second = Math.floor(now / 1_000);
    if (second === hit.second) return;
    hit.second = second;
    hit.headers[1] = hit.notModifiedHeaders[1] = cacheControl(entry, now, hit.notAfter);
  }
}
