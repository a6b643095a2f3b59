import { Inject, Injectable, Optional, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { AbortedError } from '../../../errors/index.js';
import { ByteAccounts } from '../../../process-memory/index.js';
import { ENRICHMENT_RANDOM, type Random } from '../random.js';
import { HOST_BOOK_BYTES, HostBook } from './host-book.js';
import { failedHostOf } from './host-fault.js';
import type { HostLine } from './host-line.js';
import type { HostResting, RestReason } from './host-resting.js';

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

/** Who would wait less than this waits here: being sent away costs two writes and a claim (chosen). */
const GRACE_MS = 250;

/**
 * Politeness by exact host (with its port): one visitor at a time, a pause between two, `Retry-After` kept, a circuit
 * breaker. Who comes at the wrong time is told when to come back and holds nothing meanwhile. Asking consumes
 * nothing; a success forgets what failed before. A fault is held against the host that it happened at, which after
 * redirects is another than the one that was visited.
 */
@Injectable()
export class HostLines implements OnApplicationShutdown {
  private readonly book: HostBook;
  private sentAway = 0;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    accounts: ByteAccounts,
    @Optional() @Inject(ENRICHMENT_RANDOM) random: Random = Math.random,
  ) {
    this.book = new HostBook(
      { clock, random, pauseMs: settings.values.ENRICHMENT_HOST_DELAY_MS },
      accounts.open('enrichment-hosts', HOST_BOOK_BYTES),
    );
  }

  /** Why a visit would not start now, or `null`. Consumes nothing. */
  rest(host: string): RestReason | null {
    return this.book.peek(host)?.rest() ?? null;
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
    const line = this.book.touch(host);
    if (line.expectedWaitMs() > GRACE_MS) throw this.sendAway(line, urgent);
    const leave = await this.takeTurn(line, signal, urgent);
    let asked = true;
    const startedMs = this.clock.monotonicMs();
    try {
      return await line.breaker.run(
        () => work({ notAsked: () => (asked = false) }),
        () => asked,
      );
    } catch (error) {
      await this.blame(line, error);
      throw error;
    } finally {
      if (asked) line.noteAsked(startedMs);
      leave();
    }
  }

  /** The host was asked through a redirect: its pause starts anew. */
  noteAsked(host: string): void {
    this.book.touch(host).noteAsked();
  }

  /** Forgets the failures of a host; what it asked for by `Retry-After`, and its pause, stand. */
  forget(host: string): void {
    const line = this.book.peek(host);
    if (line === undefined || line.inLine > 0) return;
    this.book.drop(line);
    this.book.touch(host).takeOver(line);
  }

  snapshot(): HostLinesSnapshot {
    let visiting = 0;
    let resting = 0;
    let broken = 0;
    for (const line of this.book.all()) {
      if (line.inLine > 0) visiting += 1;
      else if (line.rest() !== null) resting += 1;
      if (line.breaker.open) broken += 1;
    }
    return { hosts: this.book.size, visiting, resting, broken, sentAway: this.sentAway };
  }

  onApplicationShutdown(): void {
    this.book.close();
  }

  private sendAway(line: HostLine, urgent: boolean): HostResting {
    this.sentAway += 1;
    return line.sendAway(urgent);
  }

  /** What an error of a visit means for the host that has caused it. */
  private async blame(visited: HostLine, error: unknown): Promise<void> {
    const host = failedHostOf(error) ?? visited.host;
    if (host === visited.host) {
      // The visit itself has told its breaker.
      visited.heed(error);
      return;
    }
    const line = this.book.touch(host);
    line.heed(error);
    line.noteAsked();
    await line.breaker.note(error);
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
    if (alone && line.pauseLeftMs === 0) return leave;
    const outcome = await this.awaitTurn(line, before, signal);
    if (outcome === 'mine' && line.breaker.restMs === 0 && line.pauseLeftMs === 0) return leave;
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
        const pauseMs = line.pauseLeftMs;
        // A pause that outlasts the grace ends the wait at once.
        if (pauseMs === 0 || pauseMs > GRACE_MS) end('mine');
        else cancels.push(this.clock.after(pauseMs, () => end('mine')));
      };
      before.then(arrive, arrive);
    });
  }
}
