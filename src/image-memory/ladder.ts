/**
 * The memory ladder as a pure state machine: a sample and the time go in, a new state and at most one transition come
 * out. No timers, no reading of memory, no events.
 *
 * Up: at once to `pressure`, `critical` and `emergency`; to `coordinate` and `degraded` after two samples in a row.
 * Down: one rung per sample, when every signal has been strictly below that rung's threshold minus 5 points for 10 s
 * of observed time. Each rung has a clock of its own, so a process that was emptied is back at `normal` after 10 s
 * and a few samples. Time that nobody observed (a blocked loop, a suspended machine) does not count.
 *
 * A drill is a floor under the result: it never lowers the level, and the natural level goes on beneath it.
 */
import { MEMORY_HYSTERESIS, MEMORY_THRESHOLDS, type MemoryRung } from '../config/index.js';
import type { MemoryLevel } from '../events/index.js';
import type { MemorySample } from '../process-memory/index.js';

/** Lowest first. */
export const LEVELS = [
  'normal',
  'coordinate',
  'degraded',
  'pressure',
  'critical',
  'emergency',
] as const satisfies readonly MemoryLevel[];
export const RUNGS = LEVELS.slice(1) as readonly MemoryRung[];

/** What holds the level where it is. */
export type LadderCause = 'rss' | 'heap' | 'container' | 'stale-sample' | 'drill';

/** Heap use over V8's limit that counts as `pressure` and as `critical`. */
const HEAP_RATIOS = { pressure: 0.85, critical: 0.92 } as const;

/** Samples in a row that the two lower rungs need: a single garbage peak is no reason to evict. */
const SAMPLES_TO_RISE = 2;
const DWELL_MS = 10_000;
/** Between two samples at most this much time counts as observed: the slow cadence and a little more. */
const LONGEST_OBSERVED_GAP_MS = 2_500;
/** Without a good reading for this long there is no opinion, and no opinion is `degraded`. */
const STALE_AFTER_MS = 5_000;
const RAMP_STEP_MS = 2_000;
const RAMP_RATIOS = [0.25, 0.5, 0.75] as const;
const USELESS_CLEANUPS_TO_STICK = 2;
/** A cleanup that frees less than this share of L was useless. */
const USELESS_SHARE_OF_L = 0.02;

export interface LadderSettings {
  /** L, bytes. */
  readonly lineBytes: number;
  readonly rungBytes: Readonly<Record<MemoryRung, number>>;
  /** `IMAGE_HEAP_THRESHOLD`; `null` means 85 % of the heap limit. */
  readonly heapThresholdBytes: number | null;
  /** `FORCE_PRESSURE_LEVEL`; `normal` without a drill. */
  readonly forcedLevel: MemoryLevel;
}

export interface LadderInput {
  readonly sample: MemorySample;
  /** Monotonic. */
  readonly nowMs: number;
  /** Is any lease held? */
  readonly leased: boolean;
  /** Do the caches hold no more than the level leaves them? */
  readonly cachesAtFloor: boolean;
}

export interface Drill {
  readonly level: MemoryLevel;
  /** Monotonic; `null` holds until restart. */
  readonly untilMs: number | null;
}

/** All that the ladder remembers. Frozen in spirit: each step makes a new one. */
export interface LadderState {
  readonly level: MemoryLevel;
  /** The level without a drill. */
  readonly naturalLevel: MemoryLevel;
  readonly sinceMs: number;
  readonly cause: LadderCause | null;
  readonly drill: Drill | null;
  readonly nowMs: number;
  /** `monotonicMs` of the last good sample, which is also its identity. */
  readonly lastGoodMs: number;
  /** Samples in a row at or over a rung. */
  readonly streaks: Readonly<Record<MemoryRung, number>>;
  /** Observed time for which all signals have been strictly below a rung minus 5 points; `null` while one is not. */
  readonly belowMs: Readonly<Record<MemoryRung, number | null>>;
  /** When the capacity ramp began; `null` at full capacity. */
  readonly rampSinceMs: number | null;
  readonly uselessCleanups: number;
  /** Since when nothing helps; `null` when not stuck. */
  readonly stuckSinceMs: number | null;
}

export interface LadderTransition {
  readonly from: MemoryLevel;
  readonly to: MemoryLevel;
  /** Rungs that were climbed, lowest first; each takes its action. Empty on the way down. */
  readonly entered: readonly MemoryRung[];
  /** The rung that was left on the way down. */
  readonly left: MemoryRung | null;
  readonly cause: LadderCause;
}

export interface LadderStep {
  readonly state: LadderState;
  readonly transition: LadderTransition | null;
}

const perRung = <T>(value: (rung: MemoryRung) => T): Record<MemoryRung, T> => ({
  coordinate: value('coordinate'),
  degraded: value('degraded'),
  pressure: value('pressure'),
  critical: value('critical'),
  emergency: value('emergency'),
});

export const heightOf = (level: MemoryLevel): number => LEVELS.indexOf(level);
export const isAtLeast = (level: MemoryLevel, rung: MemoryRung): boolean => heightOf(level) >= heightOf(rung);
const higher = (a: MemoryLevel, b: MemoryLevel): MemoryLevel => (heightOf(a) >= heightOf(b) ? a : b);

/** Before the first sample: `normal`, with the patience of a reading that was just good. */
export function initialLadder(nowMs: number): LadderState {
  return {
    level: 'normal',
    naturalLevel: 'normal',
    sinceMs: nowMs,
    cause: null,
    drill: null,
    nowMs,
    lastGoodMs: nowMs,
    streaks: perRung(() => 0),
    belowMs: perRung(() => null),
    rampSinceMs: null,
    uselessCleanups: 0,
    stuckSinceMs: null,
  };
}

/** One step. The same sample given twice lets time pass but counts once. */
export function stepLadder(before: LadderState, input: LadderInput, settings: LadderSettings): LadderStep {
  const nowMs = Math.max(before.nowMs, input.nowMs);
  const observed = observe(before, input.sample, nowMs, settings);
  // Only a new reading may lower the level, and by one rung.
  const informed = observed.lastGoodMs !== before.lastGoodMs;
  const natural = naturalLevel(observed, input.sample, nowMs, settings, informed);
  const drill = observed.drill !== null && isOver(observed.drill, nowMs) ? null : observed.drill;
  const floor = higher(settings.forcedLevel, drill?.level ?? 'normal');
  const target = higher(natural.level, floor);
  const falls = informed && heightOf(target) < heightOf(before.level);
  const level = falls ? (LEVELS[heightOf(before.level) - 1] ?? 'normal') : higher(target, before.level);
  const cause = heightOf(floor) > heightOf(natural.level) ? 'drill' : natural.cause;

  const moved = level !== before.level;
  const settled: LadderState = {
    ...observed,
    level,
    naturalLevel: natural.level,
    drill,
    nowMs,
    cause: level === 'normal' ? null : (cause ?? before.cause),
    sinceMs: moved ? nowMs : before.sinceMs,
    rampSinceMs: rampAfter(before, level, nowMs),
  };
  const state = { ...settled, ...stuckAfter(settled, input, nowMs) };
  if (!moved) return { state, transition: null };
  const transition: LadderTransition = {
    from: before.level,
    to: level,
    entered: falls ? [] : RUNGS.slice(heightOf(before.level), heightOf(level)),
    left: falls ? (before.level as MemoryRung) : null,
    cause: cause ?? before.cause ?? 'rss',
  };
  return { state, transition };
}

/** Holds the ladder at `level` or above. `normal` ends the drill; the floor of the settings stays. */
export function drillLadder(state: LadderState, drill: Drill): LadderState {
  return { ...state, drill: drill.level === 'normal' ? null : drill };
}

/** Tells the ladder what a cleanup brought; two useless ones in a row are half of being stuck. */
export function reportCleanup(state: LadderState, freedBytes: number, settings: LadderSettings): LadderState {
  const useless = freedBytes < USELESS_SHARE_OF_L * settings.lineBytes;
  return { ...state, uselessCleanups: useless ? state.uselessCleanups + 1 : 0 };
}

/** Share of the job slots that the ramp after `pressure` allows, 0.25 to 1. */
export function rampRatio(state: LadderState, nowMs: number): number {
  if (state.rampSinceMs === null) return 1;
  const step = Math.floor(Math.max(0, nowMs - state.rampSinceMs) / RAMP_STEP_MS);
  return RAMP_RATIOS[step] ?? 1;
}

const isOver = (drill: Drill, nowMs: number): boolean => drill.untilMs !== null && nowMs >= drill.untilMs;

/** Streaks and dwell clocks after this sample. A failed or repeated one is no opinion and changes neither. */
function observe(
  state: LadderState,
  sample: MemorySample,
  nowMs: number,
  settings: LadderSettings,
): LadderState {
  const good = sample.ok && Number.isFinite(sample.rssBytes) && sample.rssBytes > 0;
  if (!good || sample.monotonicMs === state.lastGoodMs) return { ...state, nowMs };
  const gapMs = Math.min(LONGEST_OBSERVED_GAP_MS, Math.max(0, sample.monotonicMs - state.lastGoodMs));
  const dwell = (rung: MemoryRung): number => {
    const soFarMs = state.belowMs[rung];
    return soFarMs === null ? 0 : soFarMs + gapMs;
  };
  return {
    ...state,
    nowMs,
    lastGoodMs: sample.monotonicMs,
    streaks: perRung((rung) => (causeOf(rung, sample, settings, 0) === null ? 0 : state.streaks[rung] + 1)),
    belowMs: perRung((rung) =>
      causeOf(rung, sample, settings, MEMORY_HYSTERESIS) === null ? dwell(rung) : null,
    ),
  };
}

function naturalLevel(
  state: LadderState,
  sample: MemorySample,
  nowMs: number,
  settings: LadderSettings,
  informed: boolean,
): { readonly level: MemoryLevel; readonly cause: LadderCause | null } {
  const risen = [...RUNGS].reverse().find((rung) => state.streaks[rung] >= samplesToRise(rung)) ?? 'normal';
  const stale = nowMs - state.lastGoodMs >= STALE_AFTER_MS;
  const up = higher(risen, stale ? 'degraded' : 'normal');
  const held = state.naturalLevel;
  const rises = heightOf(up) >= heightOf(held);
  const level = rises || !informed ? higher(up, held) : oneDown(state, held);
  if (level === 'normal') return { level, cause: null };
  const signal = causeOf(level, sample, settings, 0) ?? causeOf(level, sample, settings, MEMORY_HYSTERESIS);
  return { level, cause: stale && !isAtLeast(risen, 'degraded') ? 'stale-sample' : signal };
}

/** The next rung down once the clock of the present one has run its time. */
function oneDown(state: LadderState, held: MemoryLevel): MemoryLevel {
  if (held === 'normal' || (state.belowMs[held] ?? 0) < DWELL_MS) return held;
  return LEVELS[heightOf(held) - 1] ?? 'normal';
}

const samplesToRise = (rung: MemoryRung): number => (isAtLeast(rung, 'pressure') ? 1 : SAMPLES_TO_RISE);

/**
 * Which signal is at or over `rung` minus `margin` (a share of that signal's own limit); `null` when none is, or none
 * has an opinion. RSS counts image child processes in.
 */
function causeOf(
  rung: MemoryRung,
  sample: MemorySample,
  settings: LadderSettings,
  margin: number,
): LadderCause | null {
  const { lineBytes, rungBytes, heapThresholdBytes } = settings;
  if (sample.rssBytes + sample.childrenRssBytes >= rungBytes[rung] - margin * lineBytes) return 'rss';
  const { containerUsedBytes, containerLimitBytes, heapUsedBytes, heapLimitBytes } = sample;
  if (containerUsedBytes !== null && containerLimitBytes !== null && containerLimitBytes > 0) {
    if (containerUsedBytes >= (MEMORY_THRESHOLDS[rung] - margin) * containerLimitBytes) return 'container';
  }
  if (!(heapLimitBytes > 0)) return null;
  const pressureBytes = heapThresholdBytes ?? HEAP_RATIOS.pressure * heapLimitBytes;
  // Being at `critical` is being over every rung below it; the heap has no opinion on `emergency`.
  const atPressure = heapUsedBytes >= pressureBytes - margin * heapLimitBytes;
  const atCritical = heapUsedBytes >= (HEAP_RATIOS.critical - margin) * heapLimitBytes;
  const over = rung === 'emergency' ? false : rung === 'critical' ? atCritical : atPressure || atCritical;
  return over ? 'heap' : null;
}

/** Leaving `pressure` begins the ramp; any rise sends it back to its beginning; it ends by itself. */
function rampAfter(before: LadderState, level: MemoryLevel, nowMs: number): number | null {
  if (isAtLeast(level, 'pressure')) return null;
  if (isAtLeast(before.level, 'pressure')) return nowMs;
  if (before.rampSinceMs === null || rampRatio(before, nowMs) === 1) return null;
  return heightOf(level) > heightOf(before.level) ? nowMs : before.rampSinceMs;
}

/**
 * Stuck: at `pressure` or over by nature, no lease, caches at their floor, and two cleanups freed nothing. It lasts
 * until the level falls: a probe that runs meanwhile holds a lease and is no sign of recovery.
 */
function stuckAfter(
  state: LadderState,
  input: LadderInput,
  nowMs: number,
): Pick<LadderState, 'stuckSinceMs' | 'uselessCleanups'> {
  if (!isAtLeast(state.naturalLevel, 'pressure')) return { stuckSinceMs: null, uselessCleanups: 0 };
  const stuck = !input.leased && input.cachesAtFloor && state.uselessCleanups >= USELESS_CLEANUPS_TO_STICK;
  return {
    stuckSinceMs: state.stuckSinceMs ?? (stuck ? nowMs : null),
    uselessCleanups: state.uselessCleanups,
  };
}
