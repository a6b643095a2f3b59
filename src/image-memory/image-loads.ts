import type { Clock } from '../clock/index.js';
import type { BufferCache } from './buffer-cache.js';
import type { ImageEntry } from './image-entry.js';
import { SingleFlight, type FlightOptions, type SingleFlightSnapshot } from './single-flight.js';

export interface LoadedImage {
  readonly entry: ImageEntry;
  /** `memory`: it was there; `loaded`: this call started the load; `coalesced`: it joined one. */
  readonly from: 'memory' | 'loaded' | 'coalesced';
}

/** A load under way, and what was deleted since it began. */
interface Ticket {
  readonly key: string;
  forgotten: boolean;
  readonly forgottenSources: Set<string>;
}

/**
 * Loads into the buffer cache, one per key. A flush does not touch what is in flight; a delete does: the result
 * reaches those who wait but is not kept, or what was deleted would come back.
 */
export class ImageLoads {
  private readonly flights: SingleFlight;
  private readonly tickets = new Set<Ticket>();

  constructor(
    private readonly cache: BufferCache,
    private readonly clock: Clock,
  ) {
    this.flights = new SingleFlight(clock);
  }

  async getOrLoad(
    key: string,
    load: (signal: AbortSignal) => Promise<ImageEntry>,
    options?: FlightOptions,
  ): Promise<LoadedImage> {
    const present = this.cache.get(key);
    if (present !== undefined && this.clock.now() < present.freshUntil)
      return { entry: present, from: 'memory' };
    const { value, coalesced } = await this.flights.run(
      key,
      (signal) => this.load(key, load, signal),
      options,
    );
    return { entry: value, from: coalesced ? 'coalesced' : 'loaded' };
  }

  forget(key: string): void {
    for (const ticket of this.tickets) if (ticket.key === key) ticket.forgotten = true;
  }

  forgetSource(sourceKey: string): void {
    for (const ticket of this.tickets) ticket.forgottenSources.add(sourceKey);
  }

  snapshot(): SingleFlightSnapshot {
    return this.flights.snapshot();
  }

  private async load(
    key: string,
    load: (signal: AbortSignal) => Promise<ImageEntry>,
    signal: AbortSignal,
  ): Promise<ImageEntry> {
    const ticket: Ticket = { key, forgotten: false, forgottenSources: new Set() };
    this.tickets.add(ticket);
    try {
      const entry = await load(signal);
      // A load that was given up may end all the same, and another may have brought something newer.
      const keep = !ticket.forgotten && !ticket.forgottenSources.has(entry.sourceKey) && !signal.aborted;
      if (!keep || !this.cache.set(key, entry, { adopt: true })) return entry;
      return this.cache.peek(key) ?? entry;
    } finally {
      this.tickets.delete(ticket);
    }
  }
}
