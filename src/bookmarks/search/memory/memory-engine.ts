import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { BackgroundTasks, Intervals } from '../../../async-ops/index.js';
import { CLOCK, type Clock } from '../../../clock/index.js';
import { SETTINGS, type Settings } from '../../../config/index.js';
import { EventBus } from '../../../events/index.js';
import { ImageMemoryManager, isAtLeast } from '../../../image-memory/index.js';
import { type ByteAccount, ByteAccounts } from '../../../process-memory/index.js';
import { BOOKMARK_STORE, type BookmarkStore } from '../../model/bookmark-store.js';
import { SliceSize } from '../feed/slice-size.js';
import type { EngineAnswer, EngineRequest } from '../search-engine.js';
import type { CompactIndex } from './compact-index.js';
import { FIT_CHECK_MS, IndexFit, type MisfitCause } from './index-fit.js';
import { IndexFollower, type FollowerOwner } from './index-follower.js';
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
/** A build that waits for the level to fall looks again after this, ms. */
const PAUSE_MS = 1_000;
/** Changes are followed this long after the first of them, ms, so that a burst is one slice; a search does not wait for it. */
const FOLLOW_DELAY_MS = 100;
/** Most documents of one slice. */
const MAX_SLICE = 128;
/** The first one also compiles what it runs. */
const FIRST_SLICE = 4;
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
  private readonly fit: IndexFit;
  /** Of the last index, also when that has gone. */
  private follower: IndexFollower | null = null;
  private cause: MemoryEngineCause | null = null;
  private calmSinceMs: number | null = -Infinity;
  private lastUsedMs = 0;
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
    const { SEARCH_ENGINE: engine, SEARCH_MAX_DOCUMENTS: most } = settings.values;
    // Asked for by name, only the bytes limit it.
    this.fit = new IndexFit(clock, settings.memory.searchIndexBytes, engine === 'memory' ? Infinity : most);
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
      this.store.onChange(() => this.follower?.runAfter(FOLLOW_DELAY_MS)),
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
    await this.settled();
    this.account.close();
  }

  /**
   * Answers, with everything that was committed before the call; `null` when it cannot, and the database must.
   * Starts a build when there is no index and nothing speaks against one.
   */
  async search(request: EngineRequest): Promise<EngineAnswer | null> {
    if (this.isOff() || request.sort.endsWith('title')) return null;
    this.lastUsedMs = this.clock.monotonicMs();
    const { follower } = this;
    if (follower === null || follower.index === null) {
      if (await this.mayBuild()) this.build();
      return null;
    }
    if (!(await follower.catchUp())) return null;
    const { index } = follower;
    return index === null ? null : await searchMemory(index, request);
  }

  /** Drops the index. @returns bytes that it held; they leave the process with the next garbage collection */
  flush(): number {
    return this.drop('flush');
  }

  /** Gives the index up after an error in it; it is built anew no sooner than in a minute. */
  discardBroken(): void {
    this.fit.postpone();
    this.drop('fault');
  }

  /** Resolves when no build and no catching up is under way. */
  async settled(): Promise<void> {
    await this.follower?.settled();
  }

  snapshot(): MemoryEngineSnapshot {
    const { cause, builds, drops, buildMs, longestSliceMs, index } = this;
    return {
      state: this.state(),
      cause,
      documents: index?.documents.count ?? 0,
      terms: index?.termCount ?? 0,
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
    return this.follower?.isReady === true ? 'ready' : 'building';
  }

  private get index(): CompactIndex | null {
    return this.follower?.index ?? null;
  }

  private isOff(): boolean {
    const isWanted = this.settings.values.SEARCH_ENGINE !== 'database' && this.fit.mostDocuments > 0;
    return !isWanted || this.account.budgetBytes === 0 || this.isClosed;
  }

  private async mayBuild(): Promise<boolean> {
    if (this.imageMemory.level() !== 'normal') return false;
    const nowMs = this.clock.monotonicMs();
    if (this.cause === 'pressure' && (this.calmSinceMs === null || nowMs - this.calmSinceMs < CALM_MS))
      return false;
    if (!this.fit.isDue) return false;
    const count = await this.store.count({});
    if (this.fit.fits(count)) return this.index === null && !this.isClosed;
    if (this.fit.isRefused) this.fit.postpone();
    else this.refuse('documents', count, 0);
    return false;
  }

  private build(): void {
    if (this.follower?.isRunning === true || this.isOff()) return;
    this.follower = new IndexFollower(this.owner());
    this.fit.begin();
    this.builds += 1;
    this.buildStartedMs = this.clock.monotonicMs();
    this.follower.run();
  }

  private owner(): FollowerOwner {
    const { clock, store, background, slices } = this;
    return {
      clock,
      store,
      background,
      slices,
      mustPause: (follower) => this.mustPause(follower),
      changed: (index, heldLoopMs) => this.changed(index, heldLoopMs),
      caughtUp: (index) => this.caughtUp(index),
      failed: () => this.discardBroken(),
    };
  }

  private changed(index: CompactIndex, heldLoopMs: number): void {
    this.longestSliceMs = Math.max(this.longestSliceMs, heldLoopMs);
    this.account.usedBytes = index.bytes;
    const outgrown = this.fit.outgrown(index);
    if (outgrown !== null) this.refuse(outgrown, index.documents.count, index.bytes);
    else if (index.isFull || index.isWorn) this.drop('worn');
  }

  private refuse(cause: MisfitCause, documents: number, bytes: number): void {
    this.fit.refuse(cause, documents, bytes);
    this.drop(cause);
    this.cause = cause;
    this.logger.log(
      cause === 'budget'
        ? `${documents} bookmarks need more than the ${this.account.budgetBytes} bytes of SEARCH_INDEX_BUDGET_BYTES: the database answers searches until they fit.`
        : `${documents} bookmarks are more than SEARCH_MAX_DOCUMENTS (${this.fit.mostDocuments}): the database answers searches until they are fewer.`,
    );
  }

  private caughtUp(index: CompactIndex): void {
    this.cause = null;
    this.buildMs = this.clock.monotonicMs() - this.buildStartedMs;
    this.logger.log(
      `Search index built: ${index.documents.count} bookmarks, ${index.bytes} bytes, in ${Math.round(this.buildMs)} ms.`,
    );
  }

  /** Background building pauses from `coordinate` up (DESIGN 2.1); from `pressure` up there is no index at all. */
  private mustPause(follower: IndexFollower): boolean {
    const level = this.imageMemory.level();
    if (follower.isReady || level === 'normal') return false;
    if (isAtLeast(level, 'pressure')) this.drop('pressure');
    else follower.runAfter(PAUSE_MS);
    return true;
  }

  private dropUnused(): void {
    if (this.index === null || this.clock.monotonicMs() - this.lastUsedMs < UNUSED_MS) return;
    if (this.settings.values.SEARCH_ENGINE !== 'memory') this.drop('unused');
  }

  private drop(cause: MemoryEngineCause): number {
    const { follower } = this;
    if (follower === null || follower.index === null) return 0;
    const freedBytes = this.account.usedBytes;
    follower.stop();
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
