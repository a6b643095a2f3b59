import { Inject, Injectable, Optional } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { PlimsollError } from '../../../errors/index.js';
import { ImageMemoryManager } from '../../../image-memory/index.js';
import { DerivedImages, type ImageRequest } from '../../../images/index.js';
import { ASSET_FETCHER, type AssetFetcher } from './asset-fetcher.js';

/** Largest asset that is taken, bytes: it is in memory while it is fetched (chosen: screenshots of whole pages stay below). */
const MAX_ASSET_BYTES = 16 * 1024 ** 2;

/** An asset never changes under its id; it is fetched again when the store has dropped it. */
const FRESH_MS = 365 * 86_400_000;

type DerivedSource = Extract<ImageRequest['source'], { kind: 'derived' }>;

/** Assets of the Karakeep server as sources of images: fetched with its key once, then kept in the store. */
@Injectable()
export class AssetPictures {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly imageMemory: ImageMemoryManager,
    private readonly derived: DerivedImages,
    @Optional() @Inject(ASSET_FETCHER) private readonly assets?: AssetFetcher,
  ) {}

  /** Whether assets can be fetched at all. */
  get available(): boolean {
    return this.assets !== undefined;
  }

  sourceOf(url: string): DerivedSource {
    const id = createHash('sha256').update(`karakeep:${url}`).digest('hex');
    return { kind: 'derived', key: `originals/${id}` };
  }

  /**
   * Fetches the asset and keeps it.
   *
   * @throws MemoryPressureError, PlimsollError `image-not-found` without a fetcher; what the fetcher throws;
   *   `not-an-image`, `undecodable-image`, `image-too-many-pixels`
   */
  async bring(url: string, signal: AbortSignal): Promise<void> {
    if (this.assets === undefined) {
      throw new PlimsollError('image-not-found', 'Nothing here can fetch this picture.');
    }
    const maxBytes = Math.min(this.settings.values.MAX_IMAGE_SIZE_BYTES, MAX_ASSET_BYTES);
    const lease = this.imageMemory.tryReserve({
      bytes: maxBytes,
      class: 'background',
      label: 'asset of Karakeep',
      job: false,
    });
    if (lease === null) throw this.imageMemory.refusal();
    try {
      const bytes = await this.assets.fetch(url, { maxBytes, signal });
      const freshUntil = this.clock.now() + FRESH_MS;
      await this.derived.keep(this.sourceOf(url).key, bytes, {
        freshUntil,
        staleUntil: freshUntil + FRESH_MS,
      });
    } finally {
      lease.release();
    }
  }
}
