import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { BackgroundTasks, Intervals } from '../../../async-ops/index.js';
import { CLOCK, type Cancel, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { isPlimsollError } from '../../../errors/index.js';
import { EventBus } from '../../../events/index.js';
import { ImageMemoryManager, isAtLeast } from '../../../image-memory/index.js';
import { type ByteAccount, ByteAccounts } from '../../../process-memory/index.js';
import { BOOKMARK_STORE, type BookmarkEvent, type BookmarkStore } from '../../model/bookmark-store.js';
import { breathe } from '../feed/breathe.js';
import { SliceSize } from '../feed/slice-size.js';
import { searchDocument } from '../search-document.js';
import type { EngineAnswer, EngineRequest } from '../search-engine.js';
import { CompactIndex } from './compact-index.js';
import { searchMemory } from './memory-search.js';

/**
 * - `off`: the settings leave it no room.
 * - `idle`: no index; the next search has it built.
 * - `building`: the database answers meanwhile.
 * - `ready`: answers.
 */
export type MemoryEngineState = 'off' | 'idle' | 'building' | 'ready';

/** Why there is no index: nobody searched, memory is short, or the bookmarks do not fit. */
export type MemoryEngineCause =
  'settings' | 'unused' | 'pressure' | 'budget' | 'documents' | 'flush' | 'worn' | 'fault';

export interface MemoryEngineSnapshot {
  readonly state: MemoryEngineState;
  /** Why the last index went; `null` before the first. */
  readonly cause: MemoryEngineCause | null;
  readonly documents: number;
  readonly terms: number;
  readonly usedBytes: number;
  readonly budgetBytes: number;
  readonly builds: number;
  readonly drops: number;
  /** Of the last build that ended, and the longest stretch for which any slice held the loop. */
  readonly buildMs: number | null;
  readonly longestSliceMs: number;
}

export const SEARCH_ACCOUNT = 'search';

/** An index that nobody asked for this long is dropped, ms (the issue: it has a lifetime). */
const UNUSED_MS = 3_600_000;
/** After pressure the level must have been normal for this long before the index comes back, ms (chosen: longer than the ladder's own dwell). */
const CALM_MS = 60_000;
/** How often what did not fit is measured again, ms; each time costs one count of the rows. */
const FIT_CHECK_MS = 60_000;
/** What did not fit comes back when it would take this share of the budget, or of the documents; without the gap it would come and go. */
const FIT_SHARE = 0.9;
const FIT_DOCUMENTS_SHARE = 0.98;
/** A build that waits for the level to fall looks again after this, ms. */
const PAUSE_MS = 1_000;
/** Changes are followed this long after the first of them, ms, so that a burst is one slice; a search does not wait for it. */
const FOLLOW_DELAY_MS = 100;
/** A search catches up with this many changes itself; with more the database answers it. */
const MAX_CATCH_UP = 256;
/** Most documents of one slice. */
const MAX_SLICE = 128;
const FIRST_SLICE = 16;
/** A sweep holds the loop this long at a time, ms. */
const SWEEP_MS = 4;

/** What is known of the bookmarks that did not fit. */
interface Misfit {
  /** 0 when it was their number that did not fit. */
  readonly bytesPerDocument: number;
}

/**
 * The index in memory and its life: built on the first search, in slices between which the loop runs; in step with
 * writes through the change feed; dropped when memory is short, when it does not fit or nobody searches; and back when
 * that has passed. It never refuses: whenever it cannot answer, the database does.
 */
@Injectable()
export class MemoryEngine implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly name = 'memory';
  private readonly logger = new Logger(MemoryEngine.name);
  private readonly account: ByteAccount;
  private index: CompactIndex | null = null;
  /** Position in the change feed up to which the index knows everything. */
  private position = 0;
  private isReady = false;
  private cause: MemoryEngineCause | null = null;
  private misfit: Misfit | null = null;
  private nextFitCheckMs = -Infinity;
  private calmSinceMs: number | null = -Infinity;
  private lastUsedMs = 0;
  private running: Promise<void> | null = null;
  private cancelFollow: Cancel | null = null;
  private builds = 0;
  private drops = 0;
  private buildStartedMs = 0;
  private buildMs: number | null = null;
  private longestSliceMs = 0;
  private readonly slices = new SliceSize(FIRST_SLICE, MAX_SLICE);
  private stops: (() => void)[] = [];
  private isClosed = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BOOKMARK_STORE) private readonly store: BookmarkStore,
    private readonly bus: EventBus,
    accounts: ByteAccounts,
    private readonly imageMemory: ImageMemoryManager,
    private readonly intervals: Intervals,
    private readonly background: BackgroundTasks,
  ) {
    this.account = accounts.open(SEARCH_ACCOUNT, settings.memory.searchIndexBytes);
    if (this.isOff()) this.cause = 'settings';
  }

  onApplicationBootstrap(): void {
    const owner = MemoryEngine.name;
    this.stops = [
      this.bus.on('memory-pressure-start', owner, () => void this.drop('pressure')),
      this.bus.on('emergency-cleanup-start', owner, () => void this.drop('pressure')),
      this.bus.on('status-changed', owner, ({ to }) => {
        this.calmSinceMs = to === 'normal' ? this.clock.monotonicMs() : null;
      }),
      this.store.onChange(() => this.followSoon()),
      this.intervals.every('search.unused', FIT_CHECK_MS, () => this.dropUnused()),
    ];
    // Asked for by name, it is there from the start.
    if (this.settings.values.SEARCH_ENGINE === 'memory') this.build();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    for (const stop of this.stops) stop();
    this.stops = [];
    this.drop('flush');
    await this.running;
    this.account.close();
  }

  /**
   * Answers, with everything that was committed before the call; `null` when it cannot, and the database must.
   * Starts a build when there is no index and nothing speaks against one.
   */
  async search(request: EngineRequest): Promise<EngineAnswer | null> {
    if (this.isOff() || request.sort.endsWith('title')) return null;
    this.lastUsedMs = this.clock.monotonicMs();
    if (this.index === null) {
      if (await this.mayBuild()) this.build();
      return null;
    }
    if (!(await this.catchUp())) return null;
    const { index } = this;
    return index === null ? null : await searchMemory(index, request);
  }

  /** Drops the index. @returns bytes that it held; they leave the process with the next garbage collection */
  flush(): number {
    return this.drop('flush');
  }

  /** Gives the index up after an error in it; it is built anew no sooner than in a minute. */
  discardBroken(): void {
    this.nextFitCheckMs = this.clock.monotonicMs() + FIT_CHECK_MS;
    this.drop('fault');
  }

  /** Resolves when no build and no catching up is under way. */
  async settled(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  snapshot(): MemoryEngineSnapshot {
    const { cause, builds, drops, buildMs, longestSliceMs } = this;
    return {
      state: this.state(),
      cause,
      documents: this.index?.documents.count ?? 0,
      terms: this.index?.termCount ?? 0,
      usedBytes: this.account.usedBytes,
      budgetBytes: this.account.budgetBytes,
      builds,
      drops,
      buildMs,
      longestSliceMs,
    };
  }

  private state(): MemoryEngineState {
    if (this.isOff()) return 'off';
    if (this.index === null) return 'idle';
    return this.isReady ? 'ready' : 'building';
  }

  private isOff(): boolean {
    const { SEARCH_ENGINE: engine } = this.settings.values;
    return (
      engine === 'database' || this.account.budgetBytes === 0 || this.mostDocuments() === 0 || this.isClosed
    );
  }

  private mostDocuments(): number {
    const { SEARCH_ENGINE: engine, SEARCH_MAX_DOCUMENTS: most } = this.settings.values;
    // Asked for by name, only the bytes limit it.
    return engine === 'memory' ? Infinity : most;
  }

  private async mayBuild(): Promise<boolean> {
    if (this.imageMemory.level() !== 'normal') return false;
    const nowMs = this.clock.monotonicMs();
    if (this.cause === 'pressure' && (this.calmSinceMs === null || nowMs - this.calmSinceMs < CALM_MS))
      return false;
    if (nowMs < this.nextFitCheckMs) return false;
    const count = await this.store.count({});
    if (this.fits(count)) return this.index === null && !this.isClosed;
    if (this.misfit === null) this.refuse('documents', count, 0);
    this.nextFitCheckMs = nowMs + FIT_CHECK_MS;
    return false;
  }

  private fits(count: number): boolean {
    if (this.misfit === null) return count <= this.mostDocuments();
    const { bytesPerDocument } = this.misfit;
    return (
      count <= FIT_DOCUMENTS_SHARE * this.mostDocuments() &&
      count * bytesPerDocument <= FIT_SHARE * this.account.budgetBytes
    );
  }

  private build(): void {
    if (this.running !== null || this.isOff()) return;
    this.index = new CompactIndex();
    this.position = 0;
    this.isReady = false;
    this.misfit = null;
    this.builds += 1;
    this.buildStartedMs = this.clock.monotonicMs();
    this.run();
  }

  private followSoon(): void {
    if (this.index !== null) this.runAfter(FOLLOW_DELAY_MS);
  }

  private runAfter(delayMs: number): void {
    if (this.cancelFollow !== null) return;
    this.cancelFollow = this.clock.after(delayMs, () => {
      this.cancelFollow = null;
      this.run();
    });
  }

  /** @returns whether the index knows everything that was committed when it was called */
  private async catchUp(): Promise<boolean> {
    if (!this.isReady) {
      this.run();
      return false;
    }
    const latest = await this.store.latestSeq();
    if (latest - this.position > MAX_CATCH_UP) {
      this.run();
      return false;
    }
    // What is under way may have read before the newest change: then one more round.
    for (let round = 0; round < 2 && this.position < latest; round++) {
      this.run();
      await this.running;
    }
    return this.isReady && this.position >= latest;
  }

  /** One follower at a time; it ends when the feed does. */
  private run(): void {
    if (this.running !== null || this.index === null) return;
    const work = this.follow(this.index)
      .catch((error: unknown) => {
        // A database that is busy for a moment takes nothing away from the index.
        if (!isPlimsollError(error)) this.discardBroken();
        throw error;
      })
      .finally(() => {
        this.running = null;
      });
    this.running = work.catch(() => undefined);
    this.background.detach(work, 'search.memory-index');
  }

  private async follow(index: CompactIndex): Promise<void> {
    while (this.index === index) {
      if (this.mustPause()) return;
      const fetchedMs = this.clock.monotonicMs();
      const events = await this.store.changesSince(this.position, this.slices.size);
      const fetchMs = this.clock.monotonicMs() - fetchedMs;
      // Reading held the loop already; applying is a stretch of its own.
      await breathe();
      if (this.index !== index) return;
      if (events.length === 0) {
        this.caughtUp(index);
        await this.sweep(index);
        return;
      }
      this.apply(index, events, fetchMs);
      await breathe();
    }
  }

  private apply(index: CompactIndex, events: readonly BookmarkEvent[], fetchMs: number): void {
    const startedMs = this.clock.monotonicMs();
    for (const event of events) {
      if (event.kind === 'saved') index.put(searchDocument(event.bookmark));
      else index.remove(event.id);
      this.position = event.seq;
    }
    const tookMs = this.clock.monotonicMs() - startedMs;
    this.longestSliceMs = Math.max(this.longestSliceMs, tookMs);
    this.slices.note(events.length, Math.max(tookMs, fetchMs));
    this.account.usedBytes = index.bytes;
    this.checkFit(index);
  }

  private checkFit(index: CompactIndex): void {
    const documents = index.documents.count;
    if (index.bytes > this.account.budgetBytes) this.refuse('budget', documents, index.bytes);
    else if (documents > this.mostDocuments()) this.refuse('documents', documents, index.bytes);
    else if (index.isFull || index.isWorn) this.drop('worn');
  }

  private refuse(cause: 'budget' | 'documents', documents: number, bytes: number): void {
    this.misfit = { bytesPerDocument: cause === 'budget' ? bytes / Math.max(1, documents) : 0 };
    this.nextFitCheckMs = this.clock.monotonicMs() + FIT_CHECK_MS;
    this.drop(cause);
    this.cause = cause;
    this.logger.log(
      cause === 'budget'
        ? `${documents} bookmarks need more than the ${this.account.budgetBytes} bytes of SEARCH_INDEX_BUDGET_BYTES: the database answers searches until they fit.`
        : `${documents} bookmarks are more than SEARCH_MAX_DOCUMENTS (${this.mostDocuments()}): the database answers searches until they are fewer.`,
    );
  }

  private caughtUp(index: CompactIndex): void {
    if (this.isReady) return;
    this.isReady = true;
    this.cause = null;
    this.buildMs = this.clock.monotonicMs() - this.buildStartedMs;
    this.logger.log(
      `Search index built: ${index.documents.count} bookmarks, ${index.bytes} bytes, in ${Math.round(this.buildMs)} ms.`,
    );
  }

  /** Background building pauses from `coordinate` up (DESIGN 2.1); from `pressure` up there is no index at all. */
  private mustPause(): boolean {
    const level = this.imageMemory.level();
    if (this.isReady || level === 'normal') return false;
    if (isAtLeast(level, 'pressure')) this.drop('pressure');
    else this.runAfter(PAUSE_MS);
    return true;
  }

  private async sweep(index: CompactIndex): Promise<void> {
    while (this.index === index && index.needsSweep) {
      const startedMs = this.clock.monotonicMs();
      index.sweep(() => this.clock.monotonicMs() - startedMs >= SWEEP_MS);
      this.account.usedBytes = index.bytes;
      await breathe();
    }
  }

  private dropUnused(): void {
    if (this.index === null || this.clock.monotonicMs() - this.lastUsedMs < UNUSED_MS) return;
    if (this.settings.values.SEARCH_ENGINE !== 'memory') this.drop('unused');
  }

  private drop(cause: MemoryEngineCause): number {
    this.cancelFollow?.();
    this.cancelFollow = null;
    if (this.index === null) return 0;
    const freedBytes = this.account.usedBytes;
    this.index = null;
    this.isReady = false;
    this.cause = cause;
    this.drops += 1;
    this.account.usedBytes = 0;
    if (cause === 'pressure') {
      this.logger.log(
        `Search index dropped, memory is short: ${freedBytes} bytes; the database answers searches.`,
      );
    }
    return freedBytes;
  }
}
