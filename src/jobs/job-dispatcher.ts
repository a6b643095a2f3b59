import { Logger } from '@nestjs/common';
import type { BackgroundTasks } from '../async-ops/index.js';
import type { Cancel, Clock } from '../clock/index.js';
import { claimName, type ClaimOwner } from './claim-owner.js';
import type { Candidate, JobClaims } from './job-claims.js';
import type { JobKinds } from './job-kinds.js';
import type { JobRunner } from './job-runner.js';
import type { JobTally } from './job-tally.js';

/** A job that is due and was not got, or a database that failed: again after this, ms. */
const RETRY_POLL_MS = 1_000;

/** Nothing waits: another process that shares the database may still enqueue. */
const IDLE_POLL_MS = 5_000;

/** First look for a job whose transaction has yet to commit, ms; doubled from look to look. */
const FIRST_LOOK_MS = 20;

/**
 * Starts what is due, as far as slots, pauses and the gate allow. One poll at a time; it is woken by what happens in
 * this process, and by one timer. An idle poll is one indexed query. @internal
 */
export class JobDispatcher {
  private readonly logger = new Logger('Jobs');
  /** Kinds with nothing due when last looked. */
  private readonly dry = new Set<string>();
  private state: 'new' | 'started' | 'stopped' = 'new';
  private polling: Promise<void> | null = null;
  private pollAgain = false;
  private hasFailed = false;
  private idleMs = IDLE_POLL_MS;
  private cancelTimer: Cancel = () => undefined;
  private claimNumber = 0;

  constructor(
    private readonly kinds: JobKinds,
    private readonly claims: JobClaims,
    private readonly runner: JobRunner,
    private readonly owner: ClaimOwner,
    private readonly background: BackgroundTasks,
    private readonly clock: Clock,
    private readonly tally: JobTally,
  ) {}

  start(): void {
    if (this.state === 'new') this.state = 'started';
    this.poll();
  }

  /** Starts nothing more; resolves when the poll that is under way has ended. */
  async stop(): Promise<void> {
    this.state = 'stopped';
    this.cancelTimer();
    await this.polling;
  }

  /** Something may be due now: of one kind, or of any. */
  nudge(kind?: string): void {
    if (kind === undefined) this.dry.clear();
    else this.dry.delete(kind);
    this.poll();
  }

  /** Something will be there once a transaction has committed. */
  expect(): void {
    this.idleMs = FIRST_LOOK_MS;
    if (this.polling === null) this.arm(FIRST_LOOK_MS);
    else this.pollAgain = true;
  }

  private poll(): void {
    if (this.state !== 'started') return;
    this.cancelTimer();
    if (this.polling !== null) {
      this.pollAgain = true;
      return;
    }
    this.polling = this.pollUntilDone();
    this.background.detach(this.polling, 'jobs.poll');
  }

  private async pollUntilDone(): Promise<void> {
    let waitMs: number | null = RETRY_POLL_MS;
    try {
      do {
        this.pollAgain = false;
        this.tally.polls += 1;
        waitMs = await this.round();
      } while (this.pollAgain && this.isStarted());
      this.hasFailed = false;
    } catch (error) {
      waitMs = RETRY_POLL_MS;
      this.tally.pollErrors += 1;
      // Once for a row of them: a database that is away is away for every poll.
      if (!this.hasFailed)
        this.logger.warn(`Jobs cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      this.hasFailed = true;
    } finally {
      this.polling = null;
    }
    if (waitMs !== null) this.arm(waitMs);
  }

  /** @returns when to look again, ms; `null` when only an event of this process can change anything */
  private async round(): Promise<number | null> {
    await this.startDue();
    const open = [...this.kinds.slots().keys()];
    if (open.length === 0 || !this.isStarted()) return null;
    const next = await this.claims.nextDue(open);
    const now = this.clock.now();
    const due = [...next].filter(([, runAt]) => runAt <= now);
    if (due.length > 0) {
      for (const [kind] of due) this.dry.delete(kind);
      const started = await this.startDue();
      if (started > 0) this.pollAgain = true;
      return RETRY_POLL_MS;
    }
    const idleMs = this.idleMs;
    this.idleMs = Math.min(IDLE_POLL_MS, this.idleMs * 2);
    return Math.min(idleMs, ...[...next.values()].map((runAt) => runAt - now));
  }

  /** @returns how many were started */
  private async startDue(): Promise<number> {
    let started = 0;
    while (this.isStarted()) {
      const slots = [...this.kinds.slots()].filter(([kind]) => !this.dry.has(kind));
      if (slots.length === 0) break;
      // What is held back must not stand in the way of the others.
      const wanted = new Map(slots.map(([kind, count]) => [kind, count + this.kinds.heldBackOf(kind)]));
      const candidates = await this.claims.candidates(wanted);
      for (const [kind, count] of wanted)
        if (candidates.filter((candidate) => candidate.kind === kind).length < count) this.dry.add(kind);
      const claimed = await this.claimAll(candidates);
      started += claimed;
      if (claimed === 0) break;
    }
    return started;
  }

  private async claimAll(candidates: readonly Candidate[]): Promise<number> {
    let claimed = 0;
    for (const { id, kind: name, runAt } of candidates) {
      // Asked again each time: a claim takes a moment, and the gate may close in it.
      const slots = this.kinds.slots().get(name) ?? 0;
      const kind = this.kinds.get(name);
      if (kind === undefined || slots < 1 || !this.isStarted() || this.kinds.isHeldBack(id)) continue;
      const claimedMs = this.clock.monotonicMs();
      const job = await this.claims.claim(id, claimName(this.owner, (this.claimNumber += 1)));
      if (job === undefined) continue;
      if (!this.isStarted()) {
        await this.claims.settle(job, { kind: 'postponed', runAt, code: null, message: null });
        break;
      }
      claimed += 1;
      const run = this.runner.run(job, kind, claimedMs).finally(() => this.poll());
      this.background.detach(run, 'jobs.run');
    }
    return claimed;
  }

  private isStarted(): boolean {
    return this.state === 'started';
  }

  private arm(delayMs: number): void {
    this.cancelTimer();
    if (this.state === 'started')
      this.cancelTimer = this.clock.after(Math.max(1, delayMs), () => this.poll());
  }
}
