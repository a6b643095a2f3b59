import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MemoryLevel } from '../events/index.js';
import type { MemorySample } from '../process-memory/index.js';
import {
  drillLadder,
  heightOf,
  initialLadder,
  LEVELS,
  rampRatio,
  reportCleanup,
  stepLadder,
  type Drill,
  type LadderSettings,
  type LadderState,
  type LadderTransition,
} from './ladder.js';

/** L = 1000 bytes, so that a byte is a tenth of a percent. */
const SETTINGS: LadderSettings = {
  lineBytes: 1_000,
  rungBytes: { coordinate: 700, degraded: 750, pressure: 800, critical: 900, emergency: 950 },
  heapThresholdBytes: null,
  forcedLevel: 'normal',
};

/** RSS deep in the middle of each level. */
const INSIDE: Record<MemoryLevel, number> = {
  normal: 100,
  coordinate: 720,
  degraded: 770,
  pressure: 850,
  critical: 920,
  emergency: 970,
};

type Reading = Partial<Omit<MemorySample, 'monotonicMs'>>;

/** Drives the ladder with readings at an interval and remembers its transitions. */
class Drive {
  nowMs = 0;
  state: LadderState;
  transitions: LadderTransition[] = [];
  leased = false;
  cachesAtFloor = true;
  private last: MemorySample | undefined;

  constructor(private readonly settings: LadderSettings = SETTINGS) {
    this.state = initialLadder(0);
  }

  static at(level: MemoryLevel, settings: LadderSettings = SETTINGS): Drive {
    const drive = new Drive(settings).feed([INSIDE[level], INSIDE[level]]);
    drive.transitions = [];
    return drive;
  }

  get level(): MemoryLevel {
    return this.state.level;
  }

  feed(readings: readonly (number | Reading)[], everyMs = 250): this {
    for (const reading of readings) {
      this.nowMs += everyMs;
      const changes = typeof reading === 'number' ? { rssBytes: reading } : reading;
      this.last = {
        at: this.nowMs,
        rssBytes: 100,
        heapUsedBytes: 10,
        heapLimitBytes: 1_000,
        externalBytes: 0,
        arrayBuffersBytes: 0,
        containerUsedBytes: null,
        containerLimitBytes: null,
        childrenRssBytes: 0,
        ok: true,
        source: 'process',
        ...(changes.ok === false ? { ...this.last, ok: false } : changes),
        monotonicMs: changes.ok === false ? (this.last?.monotonicMs ?? 0) : this.nowMs,
      };
      this.step(this.last);
    }
    return this;
  }

  /** The same readings for a while, 250 ms apart. */
  hold(reading: number | Reading, forMs: number): this {
    return this.feed(new Array<number | Reading>(forMs / 250).fill(reading));
  }

  /** Gives the last sample again after some time. */
  again(afterMs: number): this {
    this.nowMs += afterMs;
    if (this.last !== undefined) this.step(this.last);
    return this;
  }

  drill(drill: Drill): this {
    this.state = drillLadder(this.state, drill);
    return this;
  }

  cleanup(freedBytes: number): this {
    this.state = reportCleanup(this.state, freedBytes, this.settings);
    return this;
  }

  private step(sample: MemorySample): void {
    const { leased, cachesAtFloor, nowMs } = this;
    const step = stepLadder(this.state, { sample, nowMs, leased, cachesAtFloor }, this.settings);
    this.state = step.state;
    if (step.transition !== null) this.transitions.push(step.transition);
  }
}

describe('the ladder, going up', () => {
  it.each<[from: MemoryLevel, samples: number[], to: MemoryLevel]>([
    ['normal', [699, 699], 'normal'],
    ['normal', [700], 'normal'],
    ['normal', [700, 700], 'coordinate'],
    ['normal', [701, 701], 'coordinate'],
    ['normal', [700, 699, 700], 'normal'],
    ['normal', [749, 749], 'coordinate'],
    ['normal', [750], 'normal'],
    ['normal', [750, 749], 'coordinate'],
    ['normal', [750, 750], 'degraded'],
    ['normal', [751, 751], 'degraded'],
    ['coordinate', [750], 'coordinate'],
    ['coordinate', [750, 750], 'degraded'],
    ['normal', [799], 'normal'],
    ['normal', [799, 799], 'degraded'],
    ['normal', [800], 'pressure'],
    ['normal', [801], 'pressure'],
    ['degraded', [799], 'degraded'],
    ['degraded', [800], 'pressure'],
    ['pressure', [899], 'pressure'],
    ['pressure', [900], 'critical'],
    ['pressure', [901], 'critical'],
    ['normal', [900], 'critical'],
    ['critical', [949], 'critical'],
    ['critical', [950], 'emergency'],
    ['critical', [951], 'emergency'],
    ['normal', [2_000], 'emergency'],
  ])('from %s, RSS %j of 1000: %s', (from, samples, to) => {
    expect(Drive.at(from).feed(samples).level).toBe(to);
  });

  it('names every rung that it skips, in order, in one transition', () => {
    const { transitions } = Drive.at('coordinate').feed([920]);

    expect(transitions).toEqual([
      {
        from: 'coordinate',
        to: 'critical',
        entered: ['degraded', 'pressure', 'critical'],
        left: null,
        cause: 'rss',
      },
    ]);
  });

  it('tells of a transition once, however long the level holds', () => {
    expect(Drive.at('normal').hold(850, 30_000).transitions).toHaveLength(1);
  });

  it('does not take one sample given twice for two', () => {
    expect(Drive.at('normal').feed([720]).again(50).again(50).level).toBe('normal');
  });
});

describe('the ladder, going down', () => {
  it.each<[from: MemoryLevel, rss: number, heldMs: number, to: MemoryLevel]>([
    // Exactly at the rung minus 5 points is not below it; one byte under is.
    ['coordinate', 650, 60_000, 'coordinate'],
    ['coordinate', 651, 60_000, 'coordinate'],
    ['coordinate', 649, 10_000, 'coordinate'],
    ['coordinate', 649, 10_250, 'normal'],
    ['degraded', 700, 60_000, 'degraded'],
    ['degraded', 699, 10_000, 'degraded'],
    ['degraded', 699, 60_000, 'coordinate'],
    ['pressure', 750, 60_000, 'pressure'],
    ['pressure', 749, 10_000, 'pressure'],
    ['pressure', 749, 60_000, 'degraded'],
    ['critical', 850, 60_000, 'critical'],
    ['critical', 849, 10_250, 'pressure'],
    ['critical', 849, 60_000, 'pressure'],
    ['emergency', 900, 60_000, 'emergency'],
    ['emergency', 899, 10_000, 'emergency'],
    ['emergency', 899, 60_000, 'critical'],
  ])('from %s, RSS %i of 1000 for %i ms: %s', (from, rss, heldMs, to) => {
    expect(Drive.at(from).hold(rss, heldMs).level).toBe(to);
  });

  it('goes one rung a sample and says so one by one once the process was emptied', () => {
    const drive = Drive.at('emergency').hold(100, 10_000);
    expect(drive.level).toBe('emergency');

    drive.feed([100]);
    expect(drive.level).toBe('critical');
    drive.feed([100, 100, 100, 100]);

    expect(drive.level).toBe('normal');
    expect(drive.transitions.map(({ from, to, left, entered }) => [from, to, left, entered])).toEqual([
      ['emergency', 'critical', 'emergency', []],
      ['critical', 'pressure', 'critical', []],
      ['pressure', 'degraded', 'pressure', []],
      ['degraded', 'coordinate', 'degraded', []],
      ['coordinate', 'normal', 'coordinate', []],
    ]);
  });

  it('starts the 10 s again when one sample touches the margin', () => {
    const drive = Drive.at('pressure').hold(700, 9_750).feed([750]).hold(700, 10_000);
    expect(drive.level).toBe('pressure');

    expect(drive.feed([700]).level).toBe('degraded');
  });

  it('does not go down on a sample that it has seen before', () => {
    const drive = Drive.at('emergency').hold(100, 10_250);
    expect(drive.level).toBe('critical');

    expect(drive.again(1).again(1).again(1).level).toBe('critical');
  });
});

describe('signals beside RSS', () => {
  it.each<[what: string, reading: Reading, to: MemoryLevel, cause: string | null]>([
    ['heap one byte under 85 %', { heapUsedBytes: 849 }, 'normal', null],
    ['heap at 85 %', { heapUsedBytes: 850 }, 'pressure', 'heap'],
    ['heap one byte under 92 %', { heapUsedBytes: 919 }, 'pressure', 'heap'],
    ['heap at 92 %', { heapUsedBytes: 920 }, 'critical', 'heap'],
    ['a full heap, which is no emergency', { heapUsedBytes: 1_000 }, 'critical', 'heap'],
    ['a heap limit that is not known', { heapUsedBytes: 920, heapLimitBytes: 0 }, 'normal', null],
    [
      'container one byte under 80 %',
      { containerUsedBytes: 1_599, containerLimitBytes: 2_000 },
      'degraded',
      'container',
    ],
    ['container at 80 %', { containerUsedBytes: 1_600, containerLimitBytes: 2_000 }, 'pressure', 'container'],
    ['container at 90 %', { containerUsedBytes: 1_800, containerLimitBytes: 2_000 }, 'critical', 'container'],
    [
      'container at 95 %',
      { containerUsedBytes: 1_900, containerLimitBytes: 2_000 },
      'emergency',
      'container',
    ],
    ['a container without a limit', { containerUsedBytes: 9_999, containerLimitBytes: null }, 'normal', null],
    ['a container limit of 0', { containerUsedBytes: 9_999, containerLimitBytes: 0 }, 'normal', null],
    ['image children that make up the rest', { rssBytes: 500, childrenRssBytes: 300 }, 'pressure', 'rss'],
  ])('%s', (_what, reading, to, cause) => {
    const drive = Drive.at('normal').feed([reading, reading]);

    expect(drive.level).toBe(to);
    expect(drive.state.cause).toBe(cause);
  });

  it('never lower the level', () => {
    expect(Drive.at('pressure').hold({ rssBytes: 850, heapUsedBytes: 0 }, 30_000).level).toBe('pressure');
  });

  it('must all be below the margin before a rung is left', () => {
    const drive = Drive.at('normal').feed([{ heapUsedBytes: 850 }]);

    expect(drive.hold({ heapUsedBytes: 800 }, 30_000).level).toBe('pressure');
    expect(drive.hold({ heapUsedBytes: 799 }, 11_000).level).toBe('normal');
  });

  it('take IMAGE_HEAP_THRESHOLD bytes instead of the 85 %', () => {
    const settings = { ...SETTINGS, heapThresholdBytes: 300 };

    expect(Drive.at('normal', settings).feed([{ heapUsedBytes: 299 }]).level).toBe('normal');
    expect(Drive.at('normal', settings).feed([{ heapUsedBytes: 300 }]).level).toBe('pressure');
    expect(Drive.at('normal', settings).feed([{ heapUsedBytes: 920 }]).level).toBe('critical');
  });
});

describe('readings that fail', () => {
  const FAILED = { ok: false };

  it('are no opinion for 5 s, then degraded', () => {
    const drive = Drive.at('normal').hold(FAILED, 4_750);
    expect(drive.level).toBe('normal');

    drive.feed([FAILED]);

    expect(drive.level).toBe('degraded');
    expect(drive.transitions[0]).toMatchObject({
      cause: 'stale-sample',
      entered: ['coordinate', 'degraded'],
    });
  });

  it('keep a level that is already higher, for however long', () => {
    expect(Drive.at('critical').hold(FAILED, 60_000).level).toBe('critical');
  });

  it.each([NaN, Infinity, 0, -1])('include an RSS of %p', (rssBytes) => {
    expect(Drive.at('normal').hold({ rssBytes, ok: true }, 5_000).level).toBe('degraded');
  });

  it('do not count as time spent below a rung', () => {
    const drive = Drive.at('pressure').hold(700, 5_000).hold(FAILED, 60_000).feed([700]);
    expect(drive.level).toBe('pressure');

    expect(drive.hold(700, 5_000).level).not.toBe('pressure');
  });

  it('are forgotten once readings are good again', () => {
    const drive = Drive.at('normal').hold(FAILED, 6_000).hold(100, 11_000);

    expect(drive.level).toBe('normal');
  });
});

describe('clocks that jump', () => {
  it('forward do not make the dwell pass: what nobody observed does not count', () => {
    const drive = Drive.at('pressure').feed([700]);

    drive.feed([700], 3_600_000);

    expect(drive.level).toBe('pressure');
  });

  it('backward change nothing', () => {
    const drive = Drive.at('pressure').feed([700]);
    drive.nowMs -= 5_000;

    expect(() => drive.feed([700, 700])).not.toThrow();
    expect(drive.level).toBe('pressure');
  });
});

describe('a drill', () => {
  it('raises at once, with the actions of every rung on the way, and says that it is a drill', () => {
    const { transitions, state } = Drive.at('normal')
      .drill({ level: 'pressure', untilMs: 60_000 })
      .feed([100]);

    expect(transitions).toEqual([
      {
        from: 'normal',
        to: 'pressure',
        entered: ['coordinate', 'degraded', 'pressure'],
        left: null,
        cause: 'drill',
      },
    ]);
    expect(state).toMatchObject({ naturalLevel: 'normal', drill: { level: 'pressure' } });
  });

  it('never lowers', () => {
    expect(Drive.at('critical').drill({ level: 'coordinate', untilMs: null }).feed([920]).level).toBe(
      'critical',
    );
  });

  it('gives way to real pressure above it', () => {
    const drive = Drive.at('normal').drill({ level: 'coordinate', untilMs: null }).feed([100, 920]);

    expect(drive.level).toBe('critical');
    expect(drive.state.cause).toBe('rss');
  });

  it('ends at its time, one rung a sample', () => {
    const drive = Drive.at('normal').drill({ level: 'pressure', untilMs: 1_000 }).feed([100]);
    drive.feed([100], 1_000);
    expect(drive.level).toBe('degraded');

    drive.feed([100, 100]);

    expect(drive.level).toBe('normal');
    expect(drive.state.drill).toBeNull();
  });

  it('does not end on a sample that was seen before', () => {
    const drive = Drive.at('normal').drill({ level: 'pressure', untilMs: 1_000 }).feed([100]);

    expect(drive.again(2_000).again(1).level).toBe('pressure');
    expect(drive.feed([100]).level).toBe('degraded');
  });

  it('of the settings holds from the first sample until restart', () => {
    const drive = new Drive({ ...SETTINGS, forcedLevel: 'critical' }).hold(100, 60_000);

    expect(drive.level).toBe('critical');
  });
});

describe('the capacity ramp', () => {
  const capacity = (drive: Drive): number => rampRatio(drive.state, drive.nowMs);
  const justLeft = (): Drive => {
    const drive = Drive.at('pressure');
    while (drive.level === 'pressure') drive.feed([100]);
    return drive;
  };

  it.each([
    [0, 0.25],
    [1_999, 0.25],
    [2_000, 0.5],
    [3_999, 0.5],
    [4_000, 0.75],
    [5_999, 0.75],
    [6_000, 1],
  ])('%i ms after leaving pressure allows %d', (afterMs, ratio) => {
    expect(capacity(justLeft().again(afterMs))).toBe(ratio);
  });

  it('goes on over the lower rungs and ends by itself', () => {
    const drive = justLeft().hold(100, 4_000);

    expect(drive.level).toBe('normal');
    expect(capacity(drive)).toBe(0.75);
    expect(drive.hold(100, 2_000).state.rampSinceMs).toBeNull();
  });

  it('is sent back to its beginning by a rise', () => {
    const drive = justLeft().hold(100, 4_000);

    drive.feed([720, 720]);

    expect(drive.level).toBe('coordinate');
    expect(capacity(drive)).toBe(0.25);
  });

  it('does not exist for one who was never at pressure', () => {
    expect(capacity(Drive.at('degraded').hold(100, 11_000))).toBe(1);
  });
});

describe('being stuck', () => {
  const twiceUseless = (drive: Drive): Drive => drive.cleanup(19).cleanup(0).feed([850]);

  it('needs two cleanups in a row that freed less than 2 % of L', () => {
    const drive = Drive.at('pressure').cleanup(19).feed([850]);
    expect(drive.state.stuckSinceMs).toBeNull();

    drive.cleanup(20).cleanup(19).feed([850]);
    expect(drive.state.stuckSinceMs).toBeNull();

    drive.cleanup(19).feed([850]);
    expect(drive.state.stuckSinceMs).toBe(drive.nowMs);
  });

  it.each<[why: string, prepare: (drive: Drive) => void]>([
    ['a lease is held', (drive) => void (drive.leased = true)],
    ['caches can still give', (drive) => void (drive.cachesAtFloor = false)],
  ])('does not happen while %s', (_why, prepare) => {
    const drive = Drive.at('pressure');
    prepare(drive);

    expect(twiceUseless(drive).state.stuckSinceMs).toBeNull();
  });

  it('does not happen in a drill: memory is fine', () => {
    const drive = Drive.at('normal').drill({ level: 'emergency', untilMs: null }).feed([100]);

    expect(drive.cleanup(0).cleanup(0).feed([100]).state.stuckSinceMs).toBeNull();
  });

  it('lasts while a probe holds a lease, and ends when the level falls below pressure', () => {
    const drive = twiceUseless(Drive.at('pressure'));
    drive.leased = true;

    expect(drive.feed([850]).state.stuckSinceMs).not.toBeNull();
    drive.hold(100, 11_000);
    expect(drive.state).toMatchObject({ stuckSinceMs: null, uselessCleanups: 0 });
  });
});

describe('any sequence of readings (property)', () => {
  it('moves up by entering each rung between and down by one, and never stands below what RSS demands', () => {
    const reading = fc.oneof(fc.integer({ min: 1, max: 1_100 }), fc.constant<Reading>({ ok: false }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(reading, fc.constantFrom(10, 250, 2_000, 60_000)), { maxLength: 80 }),
        (steps) => {
          const drive = new Drive();
          for (const [each, everyMs] of steps) {
            const told = drive.transitions.length;
            const before = drive.level;
            drive.feed([each], everyMs);
            const moved = heightOf(drive.level) - heightOf(before);
            expect(drive.transitions.length - told).toBe(moved === 0 ? 0 : 1);
            expect(moved).toBeGreaterThanOrEqual(-1);
            const last = drive.transitions.at(-1);
            const climbed = LEVELS.slice(heightOf(before) + 1, heightOf(drive.level) + 1);
            expect(moved > 0 ? last?.entered : []).toEqual(climbed);
            expect(moved < 0 ? last?.left : before).toBe(before);
            const rss = typeof each === 'number' ? each : 0;
            const demanded =
              rss >= 950 ? 'emergency' : rss >= 900 ? 'critical' : rss >= 800 ? 'pressure' : 'normal';
            expect(heightOf(drive.level)).toBeGreaterThanOrEqual(heightOf(demanded));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
