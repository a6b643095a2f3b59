import type { Clock } from '../clock/index.js';
import type { MemoryLevel } from '../events/index.js';
import type { MemorySample } from '../process-memory/index.js';
import {
  drillLadder,
  heightOf,
  initialLadder,
  rampRatio,
  reportCleanup,
  stepLadder,
  type LadderCause,
  type LadderInput,
  type LadderSettings,
  type LadderState,
  type LadderTransition,
} from './ladder.js';

export interface PressureWatchOptions {
  readonly clock: Clock;
  readonly settings: LadderSettings;
  /** What the ladder must know besides the sample. */
  readonly surroundings: () => Pick<LadderInput, 'leased' | 'cachesAtFloor'>;
  /** Acts on a transition. The level is already the new one; a transition that it causes is told after it. */
  readonly onTransition: (transition: LadderTransition, sample: MemorySample) => void;
}

export interface LevelSnapshot {
  readonly level: MemoryLevel;
  /** Without a drill. */
  readonly naturalLevel: MemoryLevel;
  /** How long the level has held, ms. */
  readonly forMs: number;
  readonly cause: LadderCause | null;
  /** The level is held on purpose; `until` is epoch ms, `null` until restart. */
  readonly drill: { readonly level: MemoryLevel; readonly until: number | null } | null;
  /** Share of the job slots that the ramp after `pressure` allows. */
  readonly capacityRatio: number;
  readonly stuck: boolean;
  readonly stuckForMs: number;
  /** Transitions so far. */
  readonly transitions: number;
}

/** Holds the ladder's state, feeds it with samples, and tells of transitions one after the other. */
export class PressureWatch {
  private state: LadderState;
  private transitions = 0;
  private readonly pending: (readonly [LadderTransition, MemorySample])[] = [];
  private telling = false;

  constructor(private readonly options: PressureWatchOptions) {
    this.state = initialLadder(options.clock.monotonicMs());
  }

  get level(): MemoryLevel {
    return this.state.level;
  }

  get naturalLevel(): MemoryLevel {
    return this.state.naturalLevel;
  }

  get stuck(): boolean {
    return this.state.stuckSinceMs !== null;
  }

  get capacityRatio(): number {
    return rampRatio(this.state, this.options.clock.monotonicMs());
  }

  /** One step of the ladder. Giving the same sample again only lets time pass. */
  observe(sample: MemorySample): void {
    const { clock, settings, surroundings } = this.options;
    const step = stepLadder(this.state, { sample, nowMs: clock.monotonicMs(), ...surroundings() }, settings);
    this.state = step.state;
    if (step.transition === null) return;
    this.transitions += 1;
    this.pending.push([step.transition, sample]);
    this.tell();
  }

  /**
   * A drill: holds the ladder at `level` or above until `untilMs` (epoch). It only raises. `normal` ends it; the floor
   * of the settings stays.
   *
   * @throws RangeError when `untilMs` is no time
   */
  force(level: MemoryLevel, untilMs: number, sample: MemorySample): void {
    if (Number.isNaN(untilMs)) throw new RangeError('A drill needs an end in epoch milliseconds, got NaN.');
    const { clock } = this.options;
    const leftMs = Math.max(0, untilMs - clock.now());
    this.state = drillLadder(this.state, { level, untilMs: clock.monotonicMs() + leftMs });
    this.observe(sample);
  }

  /** What a cleanup brought, bytes of RSS; see `stuck`. */
  reportCleanup(freedBytes: number): void {
    this.state = reportCleanup(this.state, freedBytes, this.options.settings);
  }

  snapshot(): LevelSnapshot {
    const { clock } = this.options;
    const { level, naturalLevel, sinceMs, cause, stuckSinceMs } = this.state;
    const nowMs = clock.monotonicMs();
    return {
      level,
      naturalLevel,
      forMs: nowMs - sinceMs,
      cause,
      drill: this.describeDrill(nowMs),
      capacityRatio: this.capacityRatio,
      stuck: this.stuck,
      stuckForMs: stuckSinceMs === null ? 0 : nowMs - stuckSinceMs,
      transitions: this.transitions,
    };
  }

  /** The higher of the two floors: the one that is felt. */
  private describeDrill(nowMs: number): LevelSnapshot['drill'] {
    const { clock, settings } = this.options;
    const { drill } = this.state;
    const fixed = settings.forcedLevel === 'normal' ? null : { level: settings.forcedLevel, until: null };
    if (drill === null) return fixed;
    if (fixed !== null && heightOf(fixed.level) >= heightOf(drill.level)) return fixed;
    const until =
      drill.untilMs === null || drill.untilMs === Infinity
        ? null
        : Math.round(clock.now() + drill.untilMs - nowMs);
    return { level: drill.level, until };
  }

  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    try {
      for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
        this.options.onTransition(...next);
      }
    } finally {
      this.telling = false;
    }
  }
}
