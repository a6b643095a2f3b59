import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { CATALOGUE, loadSettings, type VariableName } from '../../src/config/index.js';
import { renderEnvExample } from './env-example.js';

const FILE = resolve(import.meta.dirname, '../../.env.example');

// `npm run docs:env` writes the file, everything else compares
if (process.env['PLIMSOLL_WRITE_DOCS'] === '1') writeFileSync(FILE, renderEnvExample(CATALOGUE));

const MACHINE = {
  containerLimitBytes: null,
  totalMemoryBytes: 16 * 1024 ** 3,
  heapLimitBytes: 512 * 1024 ** 2,
};

describe('.env.example', () => {
  const written = readFileSync(FILE, 'utf8');

  it('is what the catalogue says (npm run docs:env writes it)', () => {
    expect(written).toBe(renderEnvExample(CATALOGUE));
  });

  it('has a line for every variable and for nothing else', () => {
    const named = [...written.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1]);

    expect(new Set(named)).toEqual(new Set(Object.keys(CATALOGUE)));
    expect(named).toHaveLength(Object.keys(CATALOGUE).length);
  });

  it.each(Object.keys(CATALOGUE) as VariableName[])(
    'explains %s: effect, unit, what it takes and its default',
    (name) => {
      const { effect, unit, default: fallback } = CATALOGUE[name];
      const block = written.split('\n\n').find((text) => text.includes(`\n#${name}=`)) ?? '';
      const prose = block.replace(/\n# /g, ' ');

      expect(prose).toContain(effect);
      expect(prose).toContain(`Default: ${fallback ?? 'not set'}.`);
      expect(prose).toMatch(/Takes: \S/);
      expect(unit === '' || prose.includes(`Unit: ${unit}.`)).toBe(true);
    },
  );

  it('changes nothing when it is copied as it is', () => {
    expect(parseEnv(written)).toEqual({});
  });

  it('holds defaults that the server accepts when they are written out', () => {
    const defaults = parseEnv(written.replace(/^#([A-Z][A-Z0-9_]*=.+)$/gm, '$1'));

    const settings = loadSettings({ ...defaults, TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '2GiB' }, MACHINE);

    expect(settings.values.PORT).toBe(3000);
    expect(Object.keys(defaults).length).toBeGreaterThan(30);
  });
});
