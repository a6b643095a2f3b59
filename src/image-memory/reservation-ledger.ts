import type { Cancel, Clock } from '../clock/index.js';
import { AbortedError } from '../errors/index.js';
import {
  Admission,
  type AdmissionEnvironment,
  type AdmissionLimits,
  type Held,
  type Verdict,
  type Wanted,
} from './admission.js';
import { IdleFloor } from './idle-floor.js';
import { isAtLeast } from './ladder.js';
import { LeaseBook, type HeldLease } from './lease-book.js';
import type { Lease, LeaseClass, ReservationRequest } from './lease.js';
import type { LeaseOwner, LedgerLease } from './ledger-lease.js';
import { Refusals, type RefusalCounts } from './refusals.js';
import { ServiceTime } from './service-time.js';
import { WaitQueue, type Waiter } from './wait-queue.js';

export interface LedgerOptions {
  readonly clock: Clock;
  readonly environment: AdmissionEnvironment;
  readonly limits: AdmissionLimits;
  /** Longest wait, ms (`QUEUE_DEADLINE_MS`). */
  readonly deadlineMs: number;
  /** Most who wait (`QUEUE_MAX_ITEMS`). */
  readonly maxWaiting: number;
  /** A lease held for longer is reported in the log, once, with its label. It is never taken away. */
  readonly oldLeaseMs: number;
  /** `false` only in test builds: everything is granted at once, which is what other servers do. */
  readonly enabled: boolean;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
  /** An operation ended that had run alone: its lease, and by how much RSS had grown at most, bytes. */
  readonly onLoneOperation?: (kind: string, leaseBytes: number, grownBytes: number) => void;
  /** Whether anybody holds or waits has changed. */
  readonly onActivity?: (active: boolean) => void;
}

export interface LedgerCounts {
  granted: number;
  released: number;
  queued: number;
  /** Small work that passed a blocked head. */
  passed: number;
  aborted: number;
  timedOut: number;
  /** Leases whose waiter left before the native work. */
  detached: number;
}

export interface LedgerSnapshot {
  readonly enabled: boolean;
  readonly reservedBytes: number;
  readonly leases: number;
  readonly jobs: number;
  readonly jobLimit: number;
  readonly zombies: number;
  readonly idleFloorBytes: number;
  /** The most that one operation can ever get. */
  readonly singleOperationCapBytes: number;
  readonly waiting: Readonly<Record<LeaseClass, number>>;
  readonly waitingBytes: number;
  readonly expectedWaitMs: number;
  readonly serviceTime: ReturnType<ServiceTime['snapshot']>;
  readonly counts: Readonly<LedgerCounts>;
  readonly refused: Readonly<RefusalCounts>;
  /** Running sum minus true sum at the last tick, and how often they differed: 0 unless the ledger has a fault. */
  readonly drift: { readonly bytes: number; readonly events: number };
  /** Oldest first, bounded. */
  readonly held: readonly HeldLease[];
}

interface Waiting extends Waiter {
  readonly request: ReservationRequest;
  readonly sinceMs: number;
  blockedSinceMs: number | null;
  passes: number;
  verdict: Verdict;
  readonly grant: (lease: Lease) => void;
  readonly refuse: (error: Error) => void;
}

/**
 * Those who wait may together want this many times the ceiling (chosen: at a tenth of a second for a ceiling's worth
 * of work it is longer than any deadline). Items are bounded on their own, and who waits holds nothing.
 */
const WAITING_CEILINGS = 128;

/** Small work passes a blocked head this often, or for this long; then the head owns what is freed. */
const MOST_PASSES = 8;
const PASSING_WINDOW_MS = 2_000;
/** How many are looked at for one that fits. */
const PASSERS_LOOKED_AT = 256;

/** How soon to look again when only RSS is in the way: it falls without telling anybody. */
const RSS_POLL_MS = 25;

/**
 * Promises memory before it is allocated: grants a lease, lets the request wait, or refuses it. {@link Admission} has
 * the rule, {@link LeaseBook} the leases, {@link WaitQueue} the order.
 *
 * Not tracked here: caches (they have byte accounts), the JS heap, sockets, and whatever needs no lease because it is
 * small. The 20 % of L above the ceiling are theirs.
 */
export class ReservationLedger implements LeaseOwner {
  private readonly book: LeaseBook;
  private readonly queue: WaitQueue<Waiting>;
  private readonly admission: Admission;
  private readonly refusals: Refusals;
  private readonly floor = new IdleFloor();
  private readonly serviceTime = new ServiceTime();
  private readonly counts: LedgerCounts = {
    granted: 0,
    released: 0,
    queued: 0,
    passed: 0,
    aborted: 0,
    timedOut: 0,
    detached: 0,
  };
  private active = false;
  private closed = false;
  private pumping = false;
  private pumpAgain = false;
  /** Something was released since RSS was read. */
  private resample = false;
  private cancelPoll: Cancel | undefined;

  constructor(private readonly options: LedgerOptions) {
    const { environment, limits, clock, random } = options;
    this.book = new LeaseBook(options.oldLeaseMs);
    this.queue = new WaitQueue(options.maxWaiting, WAITING_CEILINGS * limits.ceilingBytes);
    this.admission = new Admission(environment, limits, () => clock.monotonicMs());
    this.refusals = new Refusals({
      level: () => environment.level(),
      stuck: () => environment.stuck(),
      random,
    });
  }

  get reservedBytes(): number {
    return this.book.reservedBytes;
  }

  get leaseCount(): number {
    return this.book.size;
  }

  get waitingCount(): number {
    return this.queue.size;
  }

  /** The most that one operation can ever get, bytes. */
  get singleOperationCapBytes(): number {
    return this.admission.capBytes(this.floor.bytes);
  }

  /**
   * Waits for room, at most `deadlineMs` (half of it from `degraded` up), and returns the lease. Whoever gets one must
   * release it when the native work settles.
   *
   * @throws MemoryBudgetExceededError when it can never fit
   * @throws MemoryPressureError from the `pressure` rung up, and when memory did not come free in time
   * @throws PlimsollError `server-busy` when the queue is full or the wait exceeds the deadline; `shutting-down`
   * @throws AbortedError when `signal` aborts; nothing is held then
   * @throws RangeError when `bytes` is no size
   */
  async reserve(request: ReservationRequest): Promise<Lease> {
    if (!(request.bytes >= 0))
      throw new RangeError(`A reservation needs 0 or more bytes, got ${request.bytes}.`);
    if (request.signal?.aborted === true) throw new AbortedError();
    if (this.closed) throw this.refusals.shuttingDown();
    const capBytes = this.singleOperationCapBytes;
    if (request.bytes > (this.options.enabled ? capBytes : Number.MAX_SAFE_INTEGER)) {
      throw this.refusals.tooLarge(request.bytes, capBytes);
    }
    return this.admitNow(request) ?? this.wait(request);
  }

  /** The lease when it can be had at once, without waiting for anybody; `null` in every other case. Never throws. */
  tryReserve(request: ReservationRequest): Lease | null {
    if (this.closed || !isSize(request.bytes) || request.signal?.aborted === true) return null;
    if (this.options.enabled && request.bytes > this.singleOperationCapBytes) return null;
    return this.admitNow(request);
  }

  /** The error for work that the rung does not let start, counted as a refusal. */
  refusal(): Error {
    return this.refusals.closed();
  }

  /** Every sample: sums made anew, idle floor, old leases, and whoever fits now. */
  tick(rssBytes: number): void {
    const { clock, environment } = this.options;
    const nowMs = clock.monotonicMs();
    this.resample = false;
    this.book.review(rssBytes, nowMs);
    if (this.book.size === 0) this.floor.observe(rssBytes, environment.cacheBytes(), nowMs);
    if (this.queue.size === 0) return;
    if (isAtLeast(environment.level(), 'pressure') && !environment.stuck()) {
      for (const waiter of this.queue.all('background')) waiter.refuse(this.pressure(waiter.bytes));
    }
    this.pump();
  }

  /** Refuses all who wait, and all who come, with `shutting-down`. Leases that are held stay valid. */
  close(): void {
    this.closed = true;
    for (const waiter of this.queue.all()) waiter.refuse(this.refusals.shuttingDown());
    this.stopPolling();
  }

  snapshot(): LedgerSnapshot {
    const { book, queue, options } = this;
    return {
      enabled: options.enabled,
      reservedBytes: book.reservedBytes,
      leases: book.size,
      jobs: book.jobs,
      jobLimit: options.environment.jobLimit(),
      zombies: book.zombies,
      idleFloorBytes: this.floor.bytes,
      singleOperationCapBytes: this.singleOperationCapBytes,
      waiting: { interactive: queue.countOf('interactive'), background: queue.countOf('background') },
      waitingBytes: queue.bytes,
      expectedWaitMs: this.expectedWaitMs('interactive'),
      serviceTime: this.serviceTime.snapshot(),
      counts: { ...this.counts },
      refused: this.refusals.counts,
      drift: book.drift,
      held: book.list(options.clock.monotonicMs()),
    };
  }

  /** @internal Called by the lease. */
  resize(lease: LedgerLease, bytes: number): boolean {
    if (lease.released || !isSize(bytes)) return false;
    const growsBy = Math.ceil(bytes) - lease.bytes;
    if (growsBy > 0 && this.options.enabled) {
      const wanted = { bytes: growsBy, job: false, waitedMs: 0 };
      if (bytes > this.singleOperationCapBytes || this.admission.decide(wanted, this.held()) !== 'fits')
        return false;
      // Making room tells listeners, and one of them may have released it.
      if (lease.released) return false;
    }
    this.book.resize(lease, bytes);
    if (growsBy < 0) this.pump();
    return true;
  }

  /** @internal Called by the lease. */
  noteDetached(): void {
    this.counts.detached += 1;
  }

  /** @internal Called by the lease, once. */
  takeBack(lease: LedgerLease): void {
    const { clock, onLoneOperation } = this.options;
    this.book.close(lease);
    this.counts.released += 1;
    this.resample = true;
    if (lease.job) this.serviceTime.record(clock.monotonicMs() - lease.grantedMs, lease.bytes);
    if (lease.ranAlone && lease.startRssBytes !== null && lease.peakRssBytes !== null) {
      onLoneOperation?.(lease.kind, lease.bytes, lease.peakRssBytes - lease.startRssBytes);
    }
    this.pump();
    this.noteActivity();
  }

  private held(): Held {
    const { reservedBytes, size, jobs } = this.book;
    return { reservedBytes, leases: size, jobs, idleFloorBytes: this.floor.bytes };
  }

  /** Without waiting: when nobody waits, or past a blocked head as often as it allows. */
  private admitNow(request: ReservationRequest): Lease | null {
    if (!this.options.enabled) return this.open(request);
    const paused = this.backgroundPaused();
    if (paused && request.class === 'background') return null;
    this.pump();
    const wanted = { bytes: request.bytes, job: request.job, waitedMs: 0 };
    const head = this.queue.head(paused);
    if (head === undefined) return this.judge(wanted) === 'fits' ? this.open(request) : null;
    if (!this.mayPass(head) || this.admission.check(wanted, this.held()) !== 'fits') return null;
    this.notePass(head);
    return this.open(request);
  }

  private wait(request: ReservationRequest): Promise<Lease> {
    const { environment, clock } = this.options;
    const level = environment.level();
    if (isAtLeast(level, 'pressure') && !environment.stuck()) throw this.pressure(request.bytes);
    const longestMs = Math.min(request.deadlineMs ?? Infinity, this.options.deadlineMs);
    const deadlineMs = isAtLeast(level, 'degraded') ? longestMs / 2 : longestMs;
    if (!this.queue.hasRoomFor(request.bytes))
      throw this.busy('The queue for image work is full.', request.class);
    if (this.expectedWaitMs(request.class) > deadlineMs) {
      throw this.busy('The queue for image work is longer than the request may wait.', request.class);
    }
    this.counts.queued += 1;
    return new Promise<Lease>((resolve, reject) => {
      const settle = (): void => {
        this.queue.remove(waiter);
        request.signal?.removeEventListener('abort', onAbort);
        cancelDeadline();
        if (this.queue.size === 0) this.stopPolling();
      };
      const waiter: Waiting = {
        bytes: request.bytes,
        class: request.class,
        request,
        sinceMs: clock.monotonicMs(),
        blockedSinceMs: null,
        passes: 0,
        verdict: 'no-room',
        grant: (lease) => {
          settle();
          resolve(lease);
        },
        refuse: (error) => {
          settle();
          reject(error);
          this.noteActivity();
        },
      };
      const onAbort = (): void => {
        this.counts.aborted += 1;
        waiter.refuse(new AbortedError());
        this.pump();
      };
      const cancelDeadline = clock.after(deadlineMs, () => {
        this.counts.timedOut += 1;
        waiter.refuse(this.tooLate(waiter));
        this.pump();
      });
      request.signal?.addEventListener('abort', onAbort, { once: true });
      this.queue.push(waiter);
      this.noteActivity();
      this.pump();
    });
  }

  /** Serves whoever fits, in order. Calls from within (a sample taken meanwhile) are folded into one more round. */
  private pump(): void {
    if (this.queue.size === 0) return;
    this.pumpAgain = true;
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.pumpAgain) {
        this.pumpAgain = false;
        while (this.serveOne());
      }
    } finally {
      this.pumping = false;
    }
  }

  private serveOne(): boolean {
    const paused = this.backgroundPaused();
    const head = this.queue.head(paused);
    if (head === undefined) return false;
    const nowMs = this.options.clock.monotonicMs();
    const wanted = { bytes: head.bytes, job: head.request.job, waitedMs: nowMs - head.sinceMs };
    head.verdict = this.judge(wanted);
    if (head.verdict === 'fits') {
      this.grant(head);
      return true;
    }
    head.blockedSinceMs ??= nowMs;
    if (head.verdict === 'rss-high') this.pollSoon();
    const passer = this.mayPass(head) ? this.findPasser(head, paused) : undefined;
    if (passer === undefined) return false;
    this.notePass(head);
    this.grant(passer);
    return true;
  }

  /** While nothing is leased no bytes will come free that the head could own: nobody has to wait behind it. */
  private mayPass(head: Waiting): boolean {
    if (this.book.size === 0) return true;
    const nowMs = this.options.clock.monotonicMs();
    const blockedMs = head.blockedSinceMs === null ? 0 : nowMs - head.blockedSinceMs;
    return head.passes < MOST_PASSES && blockedMs < PASSING_WINDOW_MS;
  }

  private findPasser(head: Waiting, paused: boolean): Waiting | undefined {
    let looked = 0;
    for (const waiter of this.queue.inOrder(paused)) {
      if (waiter === head) continue;
      if (++looked > PASSERS_LOOKED_AT) return undefined;
      const wanted = { bytes: waiter.bytes, job: waiter.request.job, waitedMs: 0 };
      if (this.admission.check(wanted, this.held()) === 'fits') return waiter;
    }
    return undefined;
  }

  private notePass(head: Waiting): void {
    head.passes += 1;
    this.counts.passed += 1;
  }

  private grant(waiter: Waiting): void {
    // Deciding may take a sample, and a sample may refuse who waits.
    if (this.queue.serve(waiter)) waiter.grant(this.open(waiter.request));
  }

  private open(request: ReservationRequest): Lease {
    const { clock, environment } = this.options;
    const lease = this.book.open(request, this, clock.monotonicMs(), environment.rssBytes(Infinity));
    this.counts.granted += 1;
    this.noteActivity();
    return lease;
  }

  private backgroundPaused(): boolean {
    return isAtLeast(this.options.environment.level(), 'coordinate');
  }

  private expectedWaitMs(name: LeaseClass): number {
    const slots = Math.max(1, this.options.environment.jobLimit());
    return this.serviceTime.expectedWaitMs(this.queue.aheadOf(name), slots, this.singleOperationCapBytes);
  }

  private pressure(wantedBytes: number): Error {
    return this.refusals.pressure(wantedBytes, this.book.reservedBytes);
  }

  private busy(reason: string, name: LeaseClass): Error {
    return this.refusals.busy(reason, this.queue.size, this.expectedWaitMs(name));
  }

  private tooLate(waiter: Waiting): Error {
    if (waiter.verdict !== 'no-slot') return this.pressure(waiter.bytes);
    return this.busy('No slot for image work came free in time.', waiter.class);
  }

  /** Reads RSS anew only when that could change the answer: what was released since is then out of it. */
  private judge(wanted: Wanted): Verdict {
    if (this.resample && this.admission.check(wanted, this.held()) === 'rss-high') {
      this.resample = false;
      this.admission.check(wanted, this.held(), true);
    }
    return this.admission.decide(wanted, this.held());
  }

  private pollSoon(): void {
    this.cancelPoll ??= this.options.clock.after(RSS_POLL_MS, () => {
      this.cancelPoll = undefined;
      this.resample = true;
      this.pump();
    });
  }

  private stopPolling(): void {
    this.cancelPoll?.();
    this.cancelPoll = undefined;
  }

  private noteActivity(): void {
    const active = this.book.size > 0 || this.queue.size > 0;
    if (active === this.active) return;
    this.active = active;
    this.options.onActivity?.(active);
  }
}

const isSize = (bytes: number): boolean => Number.isFinite(bytes) && bytes >= 0;
