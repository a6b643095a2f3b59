import { Inject, Injectable, Optional, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { AbortedError, isPlimsollError } from '../../../errors/index.js';
import { ByteAccounts, type ByteAccount } from '../../../process-memory/index.js';
import { ENRICHMENT_RANDOM, type Random } from '../random.js';
import { HostBreaker } from './host-breaker.js';
import { originStatusOf } from './host-fault.js';
import type { HostLine } from './host-line.js';
import { HostResting, type RestReason } from './host-resting.js';

export interface VisitOptions {
  readonly signal: AbortSignal;
  /** A person waits: comes back as soon as the host is free, not after all who were sent away before. */
  readonly urgent?: boolean;
}

/** What the work of a visit may say about it. */
export interface Visit {
  /** The answer came from here: the host was not asked, needs no pause, and nothing was learnt about it. */
  notAsked(): void;
}

export interface HostLinesSnapshot {
  readonly hosts: number;
  readonly visiting: number;
  readonly resting: number;
  readonly broken: number;
  readonly sentAway: number;
}

/** Most hosts that are remembered, and their bytes (chosen: more than fail at once in any collection). */
const MAX_HOSTS = 2_048;
const BUDGET_BYTES = 6 * 1024 ** 2;

/** Objects of one line, its circuit breaker the most of them (heap growth over 10 000: 1 640 bytes each), beside the name. */
const LINE_BYTES = 2_048;

/** Who would wait less than this waits here: being sent away costs two writes and a claim (chosen). */
const GRACE_MS = 250;

/** Apart from each other at least, ms, whoever is sent away. */
const SMALLEST_SPACING_MS = 20;

/** Nobody is promised a time further away than this, ms. */
const LONGEST_PROMISE_MS = 3_600_000;

/** A `Retry-After` is believed up to this, ms; without one a 429 stands for a minute (chosen). */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const TOO_MANY_REQUESTS_MS = 60_000;

/** Clean lines that one visit tidies away at most. */
const TIDY_STEP = 8;

/**
 * Politeness by exact host (with its port): one visitor at a time, a pause between two, `Retry-After` kept, a circuit
 * breaker. Who comes at the wrong time is told when to come back and holds nothing meanwhile. Asking consumes
 * nothing; a success forgets what failed before.
 */
@Injectable()
export class HostLines implements OnApplicationShutdown {
  /** Least recently used first. */
  private readonly lines = new Map<string, HostLine>();
  private readonly account: ByteAccount;
  private readonly pauseMs: number;
  private readonly random: Random;
  private sentAway = 0;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    accounts: ByteAccounts,
    @Optional() @Inject(ENRICHMENT_RANDOM) random?: Random,
  ) {
    this.pauseMs = settings.values.ENRICHMENT_HOST_DELAY_MS;
    this.account = accounts.open('enrichment-hosts', BUDGET_BYTES);
    this.random = random ?? Math.random;
  }

  /** Why a visit would not start now, or `null`. Consumes nothing. */
  rest(host: string): RestReason | null {
    const line = this.lines.get(host);
    return line === undefined ? null : this.restOf(line);
  }

  /**
   * Runs `work` as the only visitor of the host.
   *
   * @throws HostResting when it is not the time for it: nothing was asked. AbortedError. Else what `work` throws.
   */
  async visit<T>(
    host: string,
    work: (visit: Visit) => Promise<T>,
    { signal, urgent = false }: VisitOptions,
  ): Promise<T> {
    const line = this.touch(host);
    if (this.expectedWaitMs(line) > GRACE_MS) throw this.sendAway(line, urgent);
    const leave = await this.takeTurn(line, signal, urgent);
    let asked = true;
    const startedMs = this.clock.monotonicMs();
    try {
      return await line.breaker.run(
        () => work({ notAsked: () => (asked = false) }),
        () => asked,
      );
    } catch (error) {
      this.heed(line, error);
      throw error;
    } finally {
      if (asked) {
        line.visitMs = this.clock.monotonicMs() - startedMs;
        line.nextAtMs = this.clock.monotonicMs() + this.pauseMs;
      }
      leave();
    }
  }

  /** The host was asked through a redirect: its pause starts anew. */
  noteAsked(host: string): void {
    this.touch(host).nextAtMs = this.clock.monotonicMs() + this.pauseMs;
  }

  /** Forgets the failures of a host; what it asked for by `Retry-After`, and its pause, stand. */
  forget(host: string): void {
    const line = this.lines.get(host);
    if (line === undefined || line.inLine > 0) return;
    const { nextAtMs, restUntilMs } = line;
    this.drop(line);
    Object.assign(this.touch(host), { nextAtMs, restUntilMs });
  }

  snapshot(): HostLinesSnapshot {
    let visiting = 0;
    let resting = 0;
    let broken = 0;
    for (const line of this.lines.values()) {
      if (line.inLine > 0) visiting += 1;
      else if (this.restOf(line) !== null) resting += 1;
      if (line.breaker.open) broken += 1;
    }
    return { hosts: this.lines.size, visiting, resting, broken, sentAway: this.sentAway };
  }

  onApplicationShutdown(): void {
    this.lines.clear();
    this.account.close();
  }

  private restOf(line: HostLine): RestReason | null {
    const now = this.clock.monotonicMs();
    if (line.inLine > 0) return 'busy';
    if (line.breaker.restMs > 0) return 'broken';
    if (line.restUntilMs > now) return 'retry-after';
    return line.nextAtMs > now ? 'pause' : null;
  }

  /** Infinite while the length of a visit is not known, and for a circuit that is being probed. */
  private expectedWaitMs(line: HostLine): number {
    const now = this.clock.monotonicMs();
    const restMs = Math.max(0, line.breaker.restMs, line.restUntilMs - now, line.nextAtMs - now);
    if (line.inLine === 0) return restMs;
    if (line.breaker.open || line.visitMs === undefined) return Infinity;
    return line.inLine * (line.visitMs + this.pauseMs);
  }

  /** Waits for who is there, at most for the grace. @returns what ends the visit */
  private async takeTurn(line: HostLine, signal: AbortSignal, urgent: boolean): Promise<() => void> {
    if (signal.aborted) throw new AbortedError();
    const before = line.turn;
    const alone = line.inLine === 0;
    let pass: () => void = () => undefined;
    line.turn = new Promise((resolve) => (pass = resolve));
    line.inLine += 1;
    const leave = (): void => {
      line.inLine -= 1;
      pass();
    };
    if (alone && this.expectedPauseMs(line) === 0) return leave;
    const outcome = await this.awaitTurn(line, before, signal);
    if (outcome === 'mine' && line.breaker.restMs === 0 && this.expectedPauseMs(line) === 0) return leave;
    if (outcome === 'mine') {
      // The visitor before has left the host in a state in which nobody should come.
      leave();
      throw this.sendAway(line, urgent);
    }
    // Whoever comes after must not pass the one who is still there.
    before.then(leave, leave);
    if (outcome === 'aborted') throw new AbortedError();
    throw this.sendAway(line, urgent);
  }

  private expectedPauseMs(line: HostLine): number {
    return Math.max(0, Math.max(line.nextAtMs, line.restUntilMs) - this.clock.monotonicMs());
  }

  private awaitTurn(
    line: HostLine,
    before: Promise<void>,
    signal: AbortSignal,
  ): Promise<'mine' | 'late' | 'aborted'> {
    return new Promise((resolve) => {
      const cancels = [this.clock.after(GRACE_MS, () => end('late'))];
      const end = (outcome: 'mine' | 'late' | 'aborted'): void => {
        for (const cancel of cancels.splice(0)) cancel();
        signal.removeEventListener('abort', abort);
        resolve(outcome);
      };
      const abort = (): void => end('aborted');
      signal.addEventListener('abort', abort, { once: true });
      const arrive = (): void => {
        if (cancels.length === 0) return;
        const pauseMs = this.expectedPauseMs(line);
        // A pause that outlasts the grace ends the wait at once.
        if (pauseMs === 0 || pauseMs > GRACE_MS) end('mine');
        else cancels.push(this.clock.after(pauseMs, () => end('mine')));
      };
      before.then(arrive, arrive);
    });
  }

  /** A time of its own for each, so that a thousand pages of one host do not come back together. */
  private sendAway(line: HostLine, urgent: boolean): HostResting {
    this.sentAway += 1;
    const now = this.clock.monotonicMs();
    const reason = this.restOf(line) ?? 'busy';
    const spacingMs = Math.max(SMALLEST_SPACING_MS, this.pauseMs + (line.visitMs ?? 0));
    const freeMs = Math.max(
      line.inLine > 0 ? now + spacingMs : now,
      line.nextAtMs,
      line.restUntilMs,
      now + line.breaker.restMs,
    );
    let atMs = freeMs;
    if (!urgent) {
      atMs = Math.min(Math.max(freeMs, line.promisedMs + spacingMs), freeMs + LONGEST_PROMISE_MS);
      line.promisedMs = atMs;
    }
    return new HostResting(Math.ceil(this.clock.now() + atMs - now), reason);
  }

  /** `Retry-After` of a 429 or 503; a 429 without one stands for a minute. */
  private heed(line: HostLine, error: unknown): void {
    if (!isPlimsollError(error, 'origin-error') || error.details['remembered'] === true) return;
    const status = originStatusOf(error);
    if (status !== 429 && status !== 503) return;
    const { retryAfterMs } = error.details;
    const silentMs = status === 429 ? TOO_MANY_REQUESTS_MS : 0;
    const askedMs =
      typeof retryAfterMs === 'number' ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : silentMs;
    line.restUntilMs = Math.max(line.restUntilMs, this.clock.monotonicMs() + askedMs);
  }

  /** The line of a host, as the most recently used one. */
  private touch(host: string): HostLine {
    const known = this.lines.get(host);
    if (known !== undefined) {
      this.lines.delete(host);
      this.lines.set(host, known);
      return known;
    }
    this.tidy();
    const line: HostLine = {
      host,
      breaker: new HostBreaker(this.clock, this.random),
      turn: Promise.resolve(),
      inLine: 0,
      nextAtMs: 0,
      restUntilMs: 0,
      promisedMs: 0,
      visitMs: undefined,
      weightBytes: LINE_BYTES + 2 * host.length,
    };
    this.lines.set(host, line);
    this.account.add(line.weightBytes);
    for (const old of this.lines.values()) {
      if (this.lines.size <= MAX_HOSTS && this.account.usedBytes <= BUDGET_BYTES) break;
      if (old !== line && old.inLine === 0) this.drop(old);
    }
    return line;
  }

  /** Lines that hold nothing worth remembering go first. */
  private tidy(): void {
    const now = this.clock.monotonicMs();
    let looked = 0;
    for (const line of this.lines.values()) {
      if ((looked += 1) > TIDY_STEP) break;
      if (this.restOf(line) === null && line.breaker.clean && line.promisedMs < now) this.drop(line);
    }
  }

  private drop(line: HostLine): void {
    if (this.lines.get(line.host) !== line) return;
    this.lines.delete(line.host);
    this.account.add(-line.weightBytes);
  }
}
