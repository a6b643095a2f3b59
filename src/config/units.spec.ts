import { describe, expect, it } from '@jest/globals';
import { formatBytes, parseBytes, parseDurationMs } from './units.js';

describe('parseBytes', () => {
  it.each([
    ['0', 0],
    ['1048576', 1_048_576],
    ['1b', 1],
    ['1kb', 1_000],
    ['512MB', 512_000_000],
    ['1gb', 1_000_000_000],
    ['2TB', 2_000_000_000_000],
    ['1k', 1_024],
    ['512M', 536_870_912],
    ['1g', 1_073_741_824],
    ['1t', 1_099_511_627_776],
    ['1KiB', 1_024],
    ['512MiB', 536_870_912],
    ['1GIB', 1_073_741_824],
    ['1TiB', 1_099_511_627_776],
    ['1.5GiB', 1_610_612_736],
    ['0.5 MB', 500_000],
    ['  64 MiB ', 67_108_864],
    ['0.3kb', 300],
    ['1.0005kb', 1_001],
  ])('reads "%s" as %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    '',
    ' ',
    'MB',
    '-1',
    '+1',
    '1,5GB',
    '1.',
    '.5GB',
    '1e9',
    '0x10',
    'NaN',
    'Infinity',
    '1 2',
    '1 parsec',
    '1 GiB extra',
  ])('does not take "%s" for a size', (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  it('refuses what no longer is an exact number', () => {
    expect(parseBytes('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseBytes('9007199254740992')).toBeUndefined();
    expect(parseBytes('9000TiB')).toBeUndefined();
  });
});

describe('parseDurationMs', () => {
  it.each([
    ['0', 0],
    ['30000', 30_000],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['5min', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    [' 2 H ', 7_200_000],
  ])('reads "%s" as %d ms', (text, milliseconds) => {
    expect(parseDurationMs(text)).toBe(milliseconds);
  });

  it.each(['', 's', '-1s', '1w', '1:30', 'NaN', '5mb'])('does not take "%s" for a duration', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_024, '1 KiB'],
    [1_536, '1.5 KiB'],
    [536_870_912, '512 MiB'],
    [1_610_612_736, '1.5 GiB'],
    [5_497_558_138_880, '5 TiB'],
    [5_629_499_534_213_120, '5120 TiB'],
    [-1_048_576, '-1 MiB'],
  ])('shows %d as %s', (bytes, shown) => {
    expect(formatBytes(bytes)).toBe(shown);
  });
});
