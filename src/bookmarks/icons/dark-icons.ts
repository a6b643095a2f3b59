import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../clock/index.js';
import { PlimsollError } from '../../errors/index.js';
import { ImageMemoryManager, SingleFlight } from '../../image-memory/index.js';
import { DerivedImages, type DerivedWork, type ImageSource, type LoadedSource } from '../../images/index.js';
import { darkKey, IconBook, type KnownIcon } from './icon-book.js';
import type { IconDomain } from './icon-domain.js';
import { IconMaker } from './icon-maker.js';

/** Icons for dark pages: of a dark mark on a transparent ground the light counterpart, made when first asked for. */
@Injectable()
export class DarkIcons {
  private readonly flights: SingleFlight;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly derived: DerivedImages,
    private readonly book: IconBook,
    private readonly maker: IconMaker,
    private readonly imageMemory: ImageMemoryManager,
  ) {
    this.flights = new SingleFlight(clock);
  }

  /**
   * @throws MemoryPressureError, PlimsollError `server-busy`; `image-not-found` when the store has lost the icon
   */
  async of(
    domain: IconDomain,
    icon: KnownIcon,
    signal: AbortSignal,
    png?: Buffer,
  ): Promise<{ readonly source: ImageSource; readonly loaded: LoadedSource }> {
    const source: ImageSource = { kind: 'derived', key: darkKey(domain) };
    const stale = this.clock.now() >= icon.record.freshUntil;
    const known = await this.book.findDark(domain, icon);
    if (known !== undefined) return { source, loaded: { record: known, stale } };
    if (!this.imageMemory.shouldAllowImageOperations()) throw this.imageMemory.refusal();
    const { value } = await this.flights.run(
      `${domain.host} ${icon.record.sha256}`,
      async (work) => {
        const order = { class: 'interactive', signal: work } as const;
        const bytes = await this.maker.invert(png ?? (await this.read(icon, order)), order);
        return { bytes, record: await this.book.keepDark(domain, bytes, icon.record) };
      },
      { signal },
    );
    return { source, loaded: { ...value, stale } };
  }

  private async read(icon: KnownIcon, work: DerivedWork): Promise<Buffer> {
    const bytes = await this.derived.read(icon.record, work);
    if (bytes === undefined) throw new PlimsollError('image-not-found', 'The stored icon is gone.');
    return bytes;
  }
}
