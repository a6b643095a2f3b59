import { MACHINE_SHARE_OF_L, MEMORY_THRESHOLDS, type MemoryRung } from './memory-thresholds.js';
import type { VariableName, VariableValues } from './catalogue.js';
import { formatBytes } from './units.js';

const MIB = 1024 ** 2;

/** What the process cannot give back: mapped binary and libraries, stacks, code (measured: 124 MB idle, of it ~20 MB heap). */
export const BASE_RSS_BYTES = 100 * MIB;

/** A cache of N bytes shows as about 1.15 N in RSS (measured with tuned allocators). */
export const CACHE_OVERHEAD_RATIO = 1.15;

/** Byte budget of the object-existence cache; small enough to need no setting. */
export const EXISTENCE_CACHE_BYTES = 8 * MIB;

/** Below this L the process would live at its own pressure rung without any work. */
const SMALLEST_L_BYTES = 160 * MIB;

/** What the process can see of its machine; `containerLimitBytes` is `null` without a limit. */
export interface MachineMemory {
  readonly containerLimitBytes: number | null;
  readonly totalMemoryBytes: number;
  /** V8's `heap_size_limit`. */
  readonly heapLimitBytes: number;
}

export interface MemoryPlan {
  /** L, bytes. */
  readonly lineBytes: number;
  /** Which of the three decided L. */
  readonly lineSource: 'setting' | 'container' | 'machine';
  readonly machine: MachineMemory;
  /** Threshold of each rung, bytes of RSS. */
  readonly rungBytes: Readonly<Record<MemoryRung, number>>;
  readonly imageCacheBytes: number;
  readonly serverCacheBytes: number;
  readonly searchIndexBytes: number;
  readonly existenceCacheBytes: number;
  /** Variables whose default was scaled down to fit. */
  readonly scaled: readonly VariableName[];
}

type Report = (name: VariableName, sentence: string) => void;

/**
 * L, the rungs and the cache budgets.
 *
 *     L = min(TOTAL_PROCESS_MEMORY_BUDGET_BYTES, 0.9 × min(container limit, machine's memory))
 *     base + heap used + 1.15 × caches ≤ 0.8 L
 *
 * Defaults that do not fit are scaled down; explicit settings that do not fit are reported through `report`
 * (one sentence after the name) and stop the start.
 */
export function planMemory(
  values: VariableValues,
  isExplicit: (name: VariableName) => boolean,
  machine: MachineMemory,
  report: Report,
): MemoryPlan {
  const { lineBytes, lineSource } = planLine(values, isExplicit, machine, report);
  const rungBytes = planRungs(values, lineBytes, report);
  const caches = planCaches(values, isExplicit, lineBytes, machine.heapLimitBytes, report);
  return { lineBytes, lineSource, machine, rungBytes, existenceCacheBytes: EXISTENCE_CACHE_BYTES, ...caches };
}

function planLine(
  values: VariableValues,
  isExplicit: (name: VariableName) => boolean,
  machine: MachineMemory,
  report: Report,
): Pick<MemoryPlan, 'lineBytes' | 'lineSource'> {
  const name = 'TOTAL_PROCESS_MEMORY_BUDGET_BYTES';
  const setting = values[name];
  const container = machine.containerLimitBytes;
  const roomBytes = Math.min(container ?? Infinity, machine.totalMemoryBytes);
  const where = container !== null && container <= machine.totalMemoryBytes ? 'container' : 'machine';
  if (isExplicit(name) && setting > roomBytes) {
    report(name, `must not exceed the memory of the ${where} (${roomBytes}), got ${setting}`);
  }
  const ceiling = Math.floor(MACHINE_SHARE_OF_L * roomBytes);
  const lineBytes = Math.min(setting, ceiling);
  if (lineBytes < SMALLEST_L_BYTES) {
    report(
      name,
      `must leave a line of at least ${SMALLEST_L_BYTES} bytes (${formatBytes(SMALLEST_L_BYTES)}), got ${lineBytes} ` +
        (setting <= ceiling ? 'from the setting' : `from 0.9 of the ${where}'s memory`),
    );
  }
  return { lineBytes, lineSource: setting <= ceiling ? 'setting' : where };
}

const RUNG_SETTINGS = {
  coordinate: 'MEMORY_WARNING_THRESHOLD',
  degraded: 'IMAGE_RSS_THRESHOLD',
  pressure: 'MEMORY_PRESSURE_THRESHOLD',
  critical: 'MEMORY_CRITICAL_THRESHOLD',
  emergency: 'MEMORY_EMERGENCY_THRESHOLD',
} as const satisfies Record<MemoryRung, VariableName>;

function planRungs(values: VariableValues, lineBytes: number, report: Report): Record<MemoryRung, number> {
  const rungs = Object.keys(MEMORY_THRESHOLDS) as MemoryRung[];
  const planned = {} as Record<MemoryRung, number>;
  let below: MemoryRung | undefined;
  for (const rung of rungs) {
    const name = RUNG_SETTINGS[rung];
    planned[rung] = values[name] ?? Math.floor(MEMORY_THRESHOLDS[rung] * lineBytes);
    if (planned[rung] > lineBytes) {
      report(name, `must not exceed the line L (${lineBytes}), got ${planned[rung]}`);
      continue;
    }
    if (below !== undefined && planned[rung] <= planned[below]) {
      if (values[name] === undefined) {
        report(RUNG_SETTINGS[below], `must be below ${rung} (${planned[rung]}), got ${planned[below]}`);
      } else {
        report(name, `must be above ${below} (${planned[below]}), got ${planned[rung]}`);
      }
    }
    below = rung;
  }
  return planned;
}

const CACHE_SETTINGS = [
  'IMAGE_RAM_BUDGET_BYTES',
  'SERVER_CACHE_BUDGET_BYTES',
  'SEARCH_INDEX_BUDGET_BYTES',
] as const;

/** Half of the room goes to caches when defaults must shrink: the other half is for image operations. */
const CACHE_SHARE_OF_ROOM = 0.5;

/** A heap limit above this share of L is not a budget but Node's default: the plan counts this share instead. */
const HEAP_SHARE_OF_L = 0.25;

function planCaches(
  values: VariableValues,
  isExplicit: (name: VariableName) => boolean,
  lineBytes: number,
  heapLimitBytes: number,
  report: Report,
): Pick<MemoryPlan, 'imageCacheBytes' | 'serverCacheBytes' | 'searchIndexBytes' | 'scaled'> {
  const heapBytes = Math.min(heapLimitBytes, HEAP_SHARE_OF_L * lineBytes);
  const roomBytes = Math.max(0, MEMORY_THRESHOLDS.pressure * lineBytes - BASE_RSS_BYTES - heapBytes);
  const fitBytes = roomBytes / CACHE_OVERHEAD_RATIO - EXISTENCE_CACHE_BYTES;
  const explicitBytes = CACHE_SETTINGS.filter(isExplicit).reduce((sum, name) => sum + values[name], 0);
  const defaults = CACHE_SETTINGS.filter((name) => !isExplicit(name));
  const defaultBytes = defaults.reduce((sum, name) => sum + values[name], 0);
  for (const name of CACHE_SETTINGS.filter(isExplicit)) {
    if (explicitBytes > fitBytes) {
      report(
        name,
        `must fit with the other caches and the heap under 80 % of L: ${Math.max(0, Math.floor(fitBytes))} bytes are left for caches, got ${values[name]}`,
      );
    }
  }
  const sharedBytes = Math.max(0, CACHE_SHARE_OF_ROOM * (fitBytes - explicitBytes));
  const scale =
    explicitBytes + defaultBytes <= fitBytes ? 1 : Math.min(1, sharedBytes / Math.max(1, defaultBytes));
  const size = (name: (typeof CACHE_SETTINGS)[number]): number =>
    isExplicit(name) ? values[name] : Math.floor(values[name] * scale);
  return {
    imageCacheBytes: size('IMAGE_RAM_BUDGET_BYTES'),
    serverCacheBytes: size('SERVER_CACHE_BUDGET_BYTES'),
    searchIndexBytes: size('SEARCH_INDEX_BUDGET_BYTES'),
    scaled: scale < 1 ? defaults : [],
  };
}
