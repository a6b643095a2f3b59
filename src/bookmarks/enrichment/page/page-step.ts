import { Inject, Injectable } from '@nestjs/common';
import { AsyncOperationsMonitor } from '../../../async-ops/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { ImageMemoryManager } from '../../../image-memory/index.js';
import type { Bookmark } from '../../model/bookmark.js';
import { PAGE_READER, type PageReader, type PageReading } from '../page-reader.js';
import { HostLines } from '../politeness/host-lines.js';

/** Beside the page itself: parser, decoder, the strings that are kept meanwhile (chosen). */
const PARSER_BYTES = 512 * 1024;

/** A page as text takes up to twice its bytes. */
const BYTES_PER_PAGE_BYTE = 2;

/** Asks the origin for a page: at the right time, under a reservation, as a monitored operation. */
@Injectable()
export class PageStep {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(PAGE_READER) private readonly reader: PageReader,
    private readonly hosts: HostLines,
    private readonly imageMemory: ImageMemoryManager,
    private readonly operations: AsyncOperationsMonitor,
  ) {}

  /** @throws HostResting, MemoryPressureError, and what the reader throws */
  async read(
    bookmark: Pick<Bookmark, 'url'>,
    options: { readonly signal: AbortSignal; readonly urgent: boolean },
  ): Promise<PageReading> {
    const { host } = new URL(bookmark.url);
    const reading = await this.hosts.visit(host, () => this.readNow(bookmark.url, options.signal), options);
    const finalHost = new URL(reading.finalUrl).host;
    if (finalHost !== host) this.hosts.noteAsked(finalHost);
    return reading;
  }

  /** A slot and a host are never held while memory is waited for: what does not fit now comes again. */
  private async readNow(url: string, signal: AbortSignal): Promise<PageReading> {
    const lease = this.imageMemory.tryReserve({
      bytes: BYTES_PER_PAGE_BYTE * this.settings.values.ENRICHMENT_PAGE_BYTES + PARSER_BYTES,
      class: 'background',
      label: 'page read',
      job: false,
    });
    if (lease === null) throw this.imageMemory.refusal();
    try {
      return await this.operations.monitoredAsync(
        'bookmarks',
        'bookmark.page',
        (work) => this.reader.read(url, work),
        { metadata: { url }, signal, timeoutMs: 2 * this.settings.values.IMAGE_TIMEOUT_MS },
      );
    } finally {
      lease.release();
    }
  }
}
