import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, type VariableName } from './catalogue.js';
import { loadSettings, type Environment } from './load-settings.js';
import type { MachineMemory } from './memory-plan.js';
import { SettingsError } from './settings-error.js';
import type { Settings } from './settings.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const MACHINE: MachineMemory = {
  containerLimitBytes: null,
  totalMemoryBytes: 16 * GIB,
  heapLimitBytes: 512 * MIB,
};

const load = (environment: Environment, machine: Partial<MachineMemory> = {}): Settings =>
  loadSettings(environment, { ...MACHINE, ...machine });

function problemsOf(environment: Environment, machine: Partial<MachineMemory> = {}): readonly string[] {
  try {
    load(environment, machine);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  throw new Error('The settings were accepted.');
}

describe('loadSettings', () => {
  describe('when the environment is empty', () => {
    it('takes the defaults, says so, and freezes what it returns', () => {
      const settings = load({});

      expect(settings.values).toMatchObject({
        NODE_ENV: 'production',
        PORT: 3000,
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: 2_147_483_648,
        IMAGE_RAM_BUDGET_BYTES: 536_870_912,
        SERVER_CACHE_BUDGET_BYTES: 268_435_456,
        MAX_IMAGE_SIZE_BYTES: 52_428_800,
        IMAGE_STREAM_THRESHOLD_BYTES: MIB,
        IMAGE_TIMEOUT_MS: 30_000,
        CACHE_MAX_TTL_MS: 2_592_000_000,
        THROTTLE: true,
        READ_ONLY: false,
        IMAGE_JOBS: 0,
      });
      expect(new Set(Object.values(settings.sources))).toEqual(new Set(['default']));
      expect([settings, settings.values, settings.memory, settings.sources].every(Object.isFrozen)).toBe(
        true,
      );
    });

    it('leaves what has no default undefined', () => {
      const { values } = load({});

      const unset = (Object.keys(CATALOGUE) as VariableName[]).filter(
        (name) => CATALOGUE[name].default === undefined,
      );

      expect(unset.length).toBeGreaterThan(0);
      expect(unset.filter((name) => values[name] !== undefined)).toEqual([]);
    });
  });

  it('ignores variables that are not its own', () => {
    expect(() => load({ PATH: '/bin', HOME: '', PLIMSOLL_SOMETHING: '' })).not.toThrow();
  });

  it('reads sizes, durations, switches, lists and presets', () => {
    const { values, sources } = load({
      MAX_IMAGE_SIZE_BYTES: '20MB',
      QUEUE_DEADLINE_MS: '1.5s',
      THROTTLE: 'OFF',
      READ_ONLY: 'yes',
      IMAGE_JOBS: '7',
      LOG_LEVEL: 'DEBUG',
      FETCH_ALLOWED_HOSTS: 'cdn.example, *.example.org:8080, 10.0.0.0/8,[fd00::1]:81',
      IMAGE_PRESETS: 'thumb:w=200&h=200&fit=cover; big:w=2000',
      API_TOKENS: 'a-token-of-enough-length,another-token-of-length',
    });

    expect(values).toMatchObject({
      MAX_IMAGE_SIZE_BYTES: 20_000_000,
      QUEUE_DEADLINE_MS: 1_500,
      THROTTLE: false,
      READ_ONLY: true,
      IMAGE_JOBS: 7,
      LOG_LEVEL: 'debug',
      FETCH_ALLOWED_HOSTS: ['cdn.example', '*.example.org:8080', '10.0.0.0/8', '[fd00::1]:81'],
      IMAGE_PRESETS: { thumb: 'w=200&h=200&fit=cover', big: 'w=2000' },
      API_TOKENS: ['a-token-of-enough-length', 'another-token-of-length'],
    });
    expect(sources.THROTTLE).toBe('environment');
  });

  describe('when a value is wrong', () => {
    it.each<readonly [VariableName, string, string]>([
      ['PORT', '70000', 'PORT must be a whole number from 0 to 65535, got "70000"'],
      ['PORT', '-1', 'PORT must be a whole number from 0 to 65535, got "-1"'],
      ['PORT', '3e3', 'PORT must be a whole number from 0 to 65535, got "3e3"'],
      ['PORT', 'NaN', 'PORT must be a whole number from 0 to 65535, got "NaN"'],
      ['LOG_FORMAT', 'xml', 'LOG_FORMAT must be one of auto, json, pretty, got "xml"'],
      ['THROTTLE', 'maybe', 'THROTTLE must be on or off, got "maybe"'],
      ['PUBLIC_URL', 'ftp://host', 'PUBLIC_URL must be an http or https URL, got "ftp://host"'],
      ['MEMORY_INJECT_FILE', 'readings', 'MEMORY_INJECT_FILE must be an absolute path, got "readings"'],
      ['IMAGE_JOBS', '0', 'IMAGE_JOBS must be auto or a whole number from 1 to 64, got "0"'],
      ['IMAGE_JOBS', '65', 'IMAGE_JOBS must be auto or a whole number from 1 to 64, got "65"'],
      [
        'QUEUE_DEADLINE_MS',
        '1w',
        'QUEUE_DEADLINE_MS must be a duration such as 30000, 30s or 5m, from 10 to 600000 ms, got "1w"',
      ],
      [
        'IMAGE_STREAM_THRESHOLD_BYTES',
        '17MiB',
        'IMAGE_STREAM_THRESHOLD_BYTES must be a size such as 1048576, 512MB or 1GiB, at least 0 B and at most 16 MiB, got "17MiB"',
      ],
      [
        'FETCH_ALLOWED_HOSTS',
        'a.example,,b.example',
        'FETCH_ALLOWED_HOSTS must be a comma-separated list of host, host:port, *.domain, address or CIDR range, got "a.example,,b.example"',
      ],
      [
        'IMAGE_PRESETS',
        'thumb:w=1;thumb:w=2',
        'IMAGE_PRESETS must be entries name:key=value&key=value separated by semicolons, got "thumb:w=1;thumb:w=2"',
      ],
    ])('says what %s must be for "%s"', (name, text, sentence) => {
      expect(problemsOf({ [name]: text })).toEqual([sentence]);
    });

    it.each(['0', '-1', 'NaN', '1MiB', 'plenty', '1e9'])('refuses a budget of "%s"', (text) => {
      expect(problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: text })).toEqual([
        `TOTAL_PROCESS_MEMORY_BUDGET_BYTES must be a size such as 1048576, 512MB or 1GiB, at least 64 MiB, got "${text}"`,
      ]);
    });

    it.each(Object.keys(CATALOGUE) as VariableName[])(
      'takes an empty %s for a mistake, not for absence or zero',
      (name) => {
        for (const blank of ['', '  ']) {
          const [problem, ...others] = problemsOf({ [name]: blank });

          expect(others).toEqual([]);
          expect(problem).toMatch(new RegExp(`^${name} must be \\S.*, got ("\\s*"|something else)$`));
        }
      },
    );

    it('reports all mistakes at once, one sentence each', () => {
      const problems = problemsOf({ PORT: 'x', LOG_LEVEL: 'loud', IMAGE_TIMEOUT_MS: '0', IMAGE_SVG: '2' });

      expect(problems.map((sentence) => sentence.split(' ')[0])).toEqual([
        'PORT',
        'LOG_LEVEL',
        'IMAGE_TIMEOUT_MS',
        'IMAGE_SVG',
      ]);
    });

    it('carries the sentences in the message of the error', () => {
      expect(() => load({ PORT: 'x', IMAGE_SVG: '2' })).toThrow(
        'PORT must be a whole number from 0 to 65535, got "x"\nIMAGE_SVG must be on or off, got "2"',
      );
    });

    it.each<readonly [VariableName, string]>([
      ['API_TOKENS', 'hunter2'],
      ['API_TOKENS', 'a-token-of-enough-length,short", got "x'],
      ['IMAGE_URL_SIGNING_KEY', 'too-short'],
    ])('keeps the text of the secret %s out of the sentence', (name, secret) => {
      const problems = problemsOf({ [name]: secret });

      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(
        new RegExp(`^${name} must be .* of at least 16 characters, got something else$`),
      );
      expect(problems[0]).not.toContain(secret);
    });
  });

  describe('when settings contradict each other', () => {
    it('names both', () => {
      expect(problemsOf({ CACHE_MIN_TTL_MS: '2h', CACHE_MAX_TTL_MS: '1h' })).toEqual([
        'CACHE_MIN_TTL_MS must not exceed CACHE_MAX_TTL_MS (3600000 ms), got 7200000 ms',
      ]);
    });

    it('refuses injected readings in production, and takes them elsewhere', () => {
      expect(problemsOf({ MEMORY_INJECT_FILE: '/tmp/readings' })).toEqual([
        'MEMORY_INJECT_FILE must not be set when NODE_ENV is production',
      ]);
      expect(load({ MEMORY_INJECT_FILE: '/tmp/readings', NODE_ENV: 'test' }).values.MEMORY_INJECT_FILE).toBe(
        '/tmp/readings',
      );
    });

    it('takes two signing keys for rotation and no third', () => {
      const key = (letter: string): string => letter.repeat(16);

      expect(
        load({ IMAGE_URL_SIGNING_KEY: `${key('a')},${key('b')}` }).values.IMAGE_URL_SIGNING_KEY,
      ).toHaveLength(2);
      expect(problemsOf({ IMAGE_URL_SIGNING_KEY: [key('a'), key('b'), key('c')].join(',') })).toEqual([
        'IMAGE_URL_SIGNING_KEY must be one key, or two for rotation, got 3 keys',
      ]);
    });

    it('reports contradictions of several kinds together', () => {
      const problems = problemsOf({
        CACHE_MIN_TTL_MS: '2h',
        CACHE_MAX_TTL_MS: '1h',
        MEMORY_CRITICAL_THRESHOLD: '3GiB',
        IMAGE_RAM_BUDGET_BYTES: '2GiB',
      });

      expect([...new Set(problems.map((sentence) => sentence.split(' ')[0]))]).toEqual([
        'CACHE_MIN_TTL_MS',
        'MEMORY_CRITICAL_THRESHOLD',
        'IMAGE_RAM_BUDGET_BYTES',
      ]);
    });
  });
});

describe('the memory plan', () => {
  describe('L', () => {
    it.each<readonly [string, Environment, Partial<MachineMemory>, number, string]>([
      ['the setting where there is room', {}, {}, 2 * GIB, 'setting'],
      [
        '0.9 of a container below the setting',
        {},
        { containerLimitBytes: 512 * MIB },
        Math.floor(0.9 * 512 * MIB),
        'container',
      ],
      ['0.9 of a machine below the setting', {}, { totalMemoryBytes: GIB }, Math.floor(0.9 * GIB), 'machine'],
      ['the setting inside a large container', {}, { containerLimitBytes: 4 * GIB }, 2 * GIB, 'setting'],
      [
        '0.9 of the container when the setting is exactly its limit',
        { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB' },
        { containerLimitBytes: GIB },
        Math.floor(0.9 * GIB),
        'container',
      ],
      [
        'the setting when it is just 0.9 of the container',
        { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(Math.floor(0.9 * GIB)) },
        { containerLimitBytes: GIB },
        Math.floor(0.9 * GIB),
        'setting',
      ],
    ])('is %s', (_, environment, machine, lineBytes, lineSource) => {
      expect(load(environment, machine).memory).toMatchObject({ lineBytes, lineSource });
    });

    it('is never clamped up over the container: a larger budget stops the start', () => {
      expect(
        problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB' }, { containerLimitBytes: 512 * MIB }),
      ).toEqual([
        'TOTAL_PROCESS_MEMORY_BUDGET_BYTES must not exceed the memory of the container (536870912), got 1073741824',
      ]);
      expect(problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '32GiB' })).toEqual([
        'TOTAL_PROCESS_MEMORY_BUDGET_BYTES must not exceed the memory of the machine (17179869184), got 34359738368',
      ]);
    });

    it('must leave room to live', () => {
      expect(problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '159MiB' })).toEqual([
        'TOTAL_PROCESS_MEMORY_BUDGET_BYTES must leave a line of at least 167772160 bytes (160 MiB), got 166723584 from the setting',
      ]);
      expect(problemsOf({}, { containerLimitBytes: 128 * MIB })).toEqual([
        `TOTAL_PROCESS_MEMORY_BUDGET_BYTES must leave a line of at least 167772160 bytes (160 MiB), got ${Math.floor(0.9 * 128 * MIB)} from 0.9 of the container's memory`,
      ]);
      expect(load({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '160MiB' }).memory.lineBytes).toBe(160 * MIB);
    });

    it('starts in a container of 256 MiB', () => {
      expect(load({}, { containerLimitBytes: 256 * MIB }).memory.lineSource).toBe('container');
    });
  });

  describe('the rungs', () => {
    it('are shares of L', () => {
      const { rungBytes } = load({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1000000000' }).memory;

      expect(rungBytes).toEqual({
        coordinate: 700_000_000,
        degraded: 750_000_000,
        pressure: 800_000_000,
        critical: 900_000_000,
        emergency: 950_000_000,
      });
    });

    it('take a setting in bytes one by one', () => {
      const { rungBytes } = load({
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1000000000',
        MEMORY_WARNING_THRESHOLD: '600MB',
        MEMORY_EMERGENCY_THRESHOLD: '1000000000',
      }).memory;

      expect(rungBytes).toMatchObject({
        coordinate: 600_000_000,
        degraded: 750_000_000,
        emergency: 1_000_000_000,
      });
    });

    it.each<readonly [Environment, VariableName, readonly [number, number]]>([
      [{ IMAGE_RSS_THRESHOLD: '650MB' }, 'IMAGE_RSS_THRESHOLD', [650_000_000, 700_000_000]],
      [{ IMAGE_RSS_THRESHOLD: '700MB' }, 'IMAGE_RSS_THRESHOLD', [700_000_000, 700_000_000]],
      [{ MEMORY_WARNING_THRESHOLD: '760MB' }, 'MEMORY_WARNING_THRESHOLD', [760_000_000, 750_000_000]],
      [{ MEMORY_CRITICAL_THRESHOLD: '960MB' }, 'MEMORY_CRITICAL_THRESHOLD', [960_000_000, 950_000_000]],
      [
        { MEMORY_PRESSURE_THRESHOLD: '850MB', MEMORY_CRITICAL_THRESHOLD: '820MB' },
        'MEMORY_CRITICAL_THRESHOLD',
        [820_000_000, 850_000_000],
      ],
    ])(
      'out of order stop the start, and the setting that did it is named: %j',
      (environment, guilty, figures) => {
        const problems = problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1000000000', ...environment });

        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatch(new RegExp(`^${guilty} `));
        for (const figure of figures) expect(problems[0]).toContain(String(figure));
      },
    );

    it('lie below L', () => {
      expect(
        problemsOf({
          TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1000000000',
          MEMORY_EMERGENCY_THRESHOLD: '1000000001',
        }),
      ).toEqual(['MEMORY_EMERGENCY_THRESHOLD must not exceed the line L (1000000000), got 1000000001']);
    });
  });

  describe('the cache budgets', () => {
    it('keep their defaults where those fit', () => {
      expect(load({}).memory).toMatchObject({
        imageCacheBytes: 512 * MIB,
        serverCacheBytes: 256 * MIB,
        searchIndexBytes: 112 * MIB,
        existenceCacheBytes: 8 * MIB,
        scaled: [],
      });
    });

    it.each([160, 256, 384, 512, 1024, 1500])(
      'fit under 0.8 L together with base and heap at %d MiB',
      (mebibytes) => {
        const lineBytes = mebibytes * MIB;
        const heapLimitBytes = Math.max(48 * MIB, lineBytes / 4);
        const { memory, sources } = load(
          { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: String(lineBytes) },
          { heapLimitBytes },
        );

        const scaledBytes = memory.imageCacheBytes + memory.serverCacheBytes + memory.searchIndexBytes;
        const caches = scaledBytes + memory.existenceCacheBytes;
        const cachesFit = 100 * MIB + lineBytes / 4 + 1.15 * caches <= 0.8 * lineBytes;

        expect(memory.scaled).toEqual([
          'IMAGE_RAM_BUDGET_BYTES',
          'SERVER_CACHE_BUDGET_BYTES',
          'SEARCH_INDEX_BUDGET_BYTES',
        ]);
        expect(cachesFit || scaledBytes === 0).toBe(true);
        expect(sources).toMatchObject({
          IMAGE_RAM_BUDGET_BYTES: 'scaled',
          SERVER_CACHE_BUDGET_BYTES: 'scaled',
        });
      },
    );

    it('leave half of the room to image operations when they must shrink, in the proportion of the defaults', () => {
      const { imageCacheBytes, serverCacheBytes, searchIndexBytes } = load({
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB',
      }).memory;
      const roomBytes = (0.8 * 1024 - 100 - 256) / 1.15 - 8;

      expect(imageCacheBytes / serverCacheBytes).toBeCloseTo(2, 5);
      expect((imageCacheBytes + serverCacheBytes + searchIndexBytes) / MIB).toBeCloseTo(roomBytes / 2, 3);
    });

    it('keep an explicit setting as it is and scale the others', () => {
      const { memory, sources } = load({
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '768MiB',
        IMAGE_RAM_BUDGET_BYTES: '100MiB',
      });

      expect(memory.imageCacheBytes).toBe(100 * MIB);
      expect(memory.serverCacheBytes).toBeLessThan(256 * MIB);
      expect(memory.serverCacheBytes).toBeGreaterThan(0);
      expect(memory.scaled).toEqual(['SERVER_CACHE_BUDGET_BYTES', 'SEARCH_INDEX_BUDGET_BYTES']);
      expect(sources).toMatchObject({
        IMAGE_RAM_BUDGET_BYTES: 'environment',
        SERVER_CACHE_BUDGET_BYTES: 'scaled',
      });
    });

    it('stop the start when explicit ones do not fit, and say what is left', () => {
      const fitBytes = Math.floor((0.8 * GIB - 100 * MIB - GIB / 4) / 1.15 - 8 * MIB);

      expect(
        problemsOf({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB', IMAGE_RAM_BUDGET_BYTES: '512MiB' }),
      ).toEqual([
        `IMAGE_RAM_BUDGET_BYTES must fit with the other caches and the heap under 80 % of L: ${fitBytes} bytes are left for caches, got 536870912`,
      ]);
    });

    it('blame both explicit settings when only their sum is too much', () => {
      const problems = problemsOf({
        TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB',
        IMAGE_RAM_BUDGET_BYTES: '300MiB',
        SERVER_CACHE_BUDGET_BYTES: '200MiB',
      });

      expect(problems.map((sentence) => sentence.split(' ')[0])).toEqual([
        'IMAGE_RAM_BUDGET_BYTES',
        'SERVER_CACHE_BUDGET_BYTES',
      ]);
    });

    it('may be zero on purpose', () => {
      const { memory } = load({
        IMAGE_RAM_BUDGET_BYTES: '0',
        SERVER_CACHE_BUDGET_BYTES: '0',
        SEARCH_INDEX_BUDGET_BYTES: '0',
      });

      expect(memory).toMatchObject({
        imageCacheBytes: 0,
        serverCacheBytes: 0,
        searchIndexBytes: 0,
        scaled: [],
      });
    });

    it('count a quarter of L for a heap whose limit was left at the default of node', () => {
      const untuned = load({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB' }, { heapLimitBytes: 4 * GIB });
      const tuned = load({ TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '1GiB' }, { heapLimitBytes: 256 * MIB });

      expect(untuned.memory.imageCacheBytes).toBe(tuned.memory.imageCacheBytes);
    });
  });
});
