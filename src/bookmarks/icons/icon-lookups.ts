import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AsyncOperationsMonitor, BackgroundTasks } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { AbortedError, OperationTimeoutError } from '../../errors/index.js';
import {
  ImageMemoryManager,
  isAtLeast,
  SingleFlight,
  type FlightOptions,
  type LeaseClass,
} from '../../image-memory/index.js';
import { IconBook, type KnownIcon } from './icon-book.js';
import type { IconDomain } from './icon-domain.js';
import { IconFinder, type IconFinding } from './icon-finder.js';
import { LookupSlots } from './lookup-slots.js';

/** What came of a search: the icon with its bytes, or nothing, which is then remembered. */
export type LookupOutcome =
  { readonly kind: 'icon'; readonly icon: KnownIcon; readonly png: Buffer } | { readonly kind: 'none' };

/** Searches at once, and sites that may wait for theirs (chosen: a page of a hundred bookmarks fits twice). */
const MAX_LOOKUPS = 8;
const MAX_WAITING = 256;

/** Deadline of a search, ms, whoever still waits for it. */
const LOOKUP_TIMEOUT_MS = 30_000;

/** A page's head, its manifest and one icon file, bytes; decoding has leases of its own. */
const LOOKUP_BYTES = 3 * 1024 ** 2;

const OPERATION = 'icon.lookup';

/** Runs searches: one per site however many ask, bounded, under the memory line, and on when who asked has left. */
@Injectable()
export class IconLookups implements OnModuleDestroy {
  private readonly flights: SingleFlight;
  private readonly slots = new LookupSlots(MAX_LOOKUPS, MAX_WAITING);
  private readonly running = new Map<string, AbortController>();
  private closed = false;

  constructor(
    @Inject(CLOCK) clock: Clock,
    private readonly book: IconBook,
    private readonly finder: IconFinder,
    private readonly imageMemory: ImageMemoryManager,
    private readonly operations: AsyncOperationsMonitor,
    private readonly tasks: BackgroundTasks,
  ) {
    this.flights = new SingleFlight(clock);
  }

  /**
   * Joins the search for this site or starts it. It goes on, and its result is kept, when the caller's time is up.
   *
   * @throws AbortedError, OperationTimeoutError for the caller alone; MemoryPressureError; those of `IconFinder.find`
   */
  async run(domain: IconDomain, options: FlightOptions): Promise<LookupOutcome> {
    if (!this.imageMemory.shouldAllowImageOperations()) throw this.imageMemory.refusal();
    const fly = async (own: FlightOptions): Promise<LookupOutcome> =>
      (await this.flights.run(domain.host, (signal) => this.search(domain, 'interactive', signal), own))
        .value;
    if (!this.flights.has(domain.host)) this.detach(fly({}));
    return fly(options);
  }

  /** Starts a search that nobody waits for, unless it is under way, or background work pauses (from `coordinate` up). */
  refresh(domain: IconDomain): void {
    if (this.flights.has(domain.host) || isAtLeast(this.imageMemory.level(), 'coordinate')) return;
    this.detach(this.flights.run(domain.host, (signal) => this.search(domain, 'background', signal)));
  }

  /** Ends the search for this site; whoever waits for it is told `AbortedError`. */
  abort(domain: IconDomain): void {
    this.running.get(domain.host)?.abort(new AbortedError('The icon was forgotten meanwhile.'));
  }

  onModuleDestroy(): void {
    this.closed = true;
    for (const controller of this.running.values())
      controller.abort(new AbortedError('The server is shutting down.'));
  }

  /** What goes wrong reaches those who wait. */
  private detach(flight: Promise<unknown>): void {
    this.tasks.detach(
      flight.then(
        () => undefined,
        () => undefined,
      ),
      OPERATION,
    );
  }

  private async search(domain: IconDomain, work: LeaseClass, flight: AbortSignal): Promise<LookupOutcome> {
    if (this.closed) throw new AbortedError('The server is shutting down.');
    const controller = new AbortController();
    this.running.set(domain.host, controller);
    const signal = AbortSignal.any([flight, controller.signal]);
    try {
      const finding = await this.admitted(domain, work, signal);
      if (signal.aborted) throw new AbortedError();
      if (finding.kind === 'none') {
        await this.book.fail(domain, finding.code, finding.tried);
        return { kind: 'none' };
      }
      return { kind: 'icon', icon: await this.book.keep(domain, finding), png: finding.icon.png };
    } finally {
      if (this.running.get(domain.host) === controller) this.running.delete(domain.host);
    }
  }

  private async admitted(domain: IconDomain, work: LeaseClass, signal: AbortSignal): Promise<IconFinding> {
    const release = await this.slots.acquire(signal);
    try {
      return await this.imageMemory.withReservation(
        { bytes: LOOKUP_BYTES, class: work, label: 'icon lookup', signal, job: false },
        () => this.timed(domain, work, signal),
      );
    } finally {
      release();
    }
  }

  /** A site that takes longer than the deadline has no icon for now. */
  private async timed(domain: IconDomain, work: LeaseClass, signal: AbortSignal): Promise<IconFinding> {
    try {
      return await this.operations.monitoredAsync(
        'bookmarks',
        OPERATION,
        (own) => this.finder.find(domain, { class: work, signal: own }),
        { timeoutMs: LOOKUP_TIMEOUT_MS, signal, metadata: { domain: domain.host } },
      );
    } catch (error) {
      if (error instanceof OperationTimeoutError && error.operation === OPERATION)
        return { kind: 'none', code: 'origin-timeout', tried: [] };
      throw error;
    }
  }
}
