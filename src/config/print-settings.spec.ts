import { describe, expect, it } from '@jest/globals';
import { CATALOGUE } from './catalogue.js';
import { loadSettings, type Environment } from './load-settings.js';
import { printSettings } from './print-settings.js';

const MIB = 1024 ** 2;

const print = (environment: Environment, containerLimitBytes: number | null = null): readonly string[] =>
  printSettings(
    loadSettings(environment, {
      containerLimitBytes,
      totalMemoryBytes: 16 * 1024 * MIB,
      heapLimitBytes: 512 * MIB,
    }),
  ).split('\n');

describe('printSettings', () => {
  it('has one line for every variable, with its source', () => {
    const lines = print({ PORT: '8080' });

    const named = lines.filter((line) => /^[A-Z]/.test(line));

    expect(named.map((line) => line.split('=')[0])).toEqual(Object.keys(CATALOGUE));
    expect(named.every((line) => /  # (default|environment|scaled)$/.test(line))).toBe(true);
    expect(lines).toContain('PORT=8080  # environment');
    expect(lines).toContain('HOST=0.0.0.0  # default');
  });

  it('shows effective values: bytes, milliseconds, switches, lists, presets', () => {
    const lines = print({
      MAX_IMAGE_SIZE_BYTES: '20MiB',
      IMAGE_TIMEOUT_MS: '5s',
      THROTTLE: 'no',
      FETCH_ALLOWED_HOSTS: 'a.example, b.example',
      IMAGE_PRESETS: 'thumb:w=200; big:w=900',
    });

    expect(lines).toEqual(
      expect.arrayContaining([
        'MAX_IMAGE_SIZE_BYTES=20971520  # environment',
        'IMAGE_TIMEOUT_MS=5000  # environment',
        'THROTTLE=off  # environment',
        'READ_ONLY=off  # default',
        'IMAGE_JOBS=auto  # default',
        'FETCH_ALLOWED_HOSTS=a.example,b.example  # environment',
        'IMAGE_PRESETS=thumb:w=200;big:w=900  # environment',
        'PUBLIC_URL=  # default',
      ]),
    );
  });

  it('masks secrets whole, and shows that they are not set when they are not', () => {
    const secret = 'a-secret-of-enough-length';

    const lines = print({ API_TOKENS: secret });

    expect(lines).toContain('API_TOKENS=********  # environment');
    expect(lines).toContain('IMAGE_URL_SIGNING_KEY=  # default');
    expect(lines.join('\n')).not.toContain(secret);
  });

  it('shows what was scaled as scaled, with the budget that is in force', () => {
    const lines = print({}, 512 * MIB);

    const image = lines.find((line) => line.startsWith('IMAGE_RAM_BUDGET_BYTES='));

    expect(image).toMatch(/^IMAGE_RAM_BUDGET_BYTES=\d+  # scaled$/);
    expect(image).not.toContain('536870912');
  });

  it('ends with the line, where it came from, and its rungs', () => {
    const lines = print({}, 512 * MIB);

    expect(lines.slice(lines.indexOf('') + 1)).toEqual([
      `# line L: ${Math.floor(0.9 * 512 * MIB)} bytes (from the container)`,
      `# container limit: ${512 * MIB}; machine: ${16 * 1024 * MIB}; heap limit: ${512 * MIB}`,
      expect.stringMatching(/^# rung coordinate: \d+$/),
      expect.stringMatching(/^# rung degraded: \d+$/),
      expect.stringMatching(/^# rung pressure: \d+$/),
      expect.stringMatching(/^# rung critical: \d+$/),
      expect.stringMatching(/^# rung emergency: \d+$/),
    ]);
  });
});
