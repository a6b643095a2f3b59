import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InjectedMemoryReaders } from './injected-memory-readers.js';
import type { ContainerReading, MemoryReaders } from './memory-readers.js';

const LINE_BYTES = 1_000_000;

describe('InjectedMemoryReaders', () => {
  let folder: string;
  let container: ContainerReading;
  let readers: InjectedMemoryReaders;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-inject-'));
    container = { state: 'limited', usedBytes: 70, limitBytes: 500 };
    const real: MemoryReaders = {
      readProcess: () => ({
        rssBytes: 100,
        heapUsedBytes: 10,
        heapLimitBytes: 50,
        externalBytes: 5,
        source: 'process',
      }),
      readArrayBuffersBytes: () => 4,
      readContainer: () => container,
      readChildRssBytes: () => 30,
    };
    readers = new InjectedMemoryReaders(join(folder, 'inject.json'), LINE_BYTES, real);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const inject = (content: unknown): void => {
    const path = join(folder, 'inject.json');
    writeFileSync(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content));
    renameSync(`${path}.new`, path);
  };

  it('reads for real while there is no file', () => {
    expect(readers.readProcess()).toMatchObject({ rssBytes: 100, source: 'process' });
    expect(readers.readContainer()).toBe(container);
  });

  it('takes RSS in bytes, and the rest for real', () => {
    inject({ rssBytes: 777 });

    expect(readers.readProcess()).toEqual({
      rssBytes: 777,
      heapUsedBytes: 10,
      heapLimitBytes: 50,
      externalBytes: 5,
      source: 'injected',
    });
  });

  it('takes RSS as percent of L', () => {
    inject({ usagePercent: 83 });

    expect(readers.readProcess().rssBytes).toBe(830_000);
  });

  it('follows the file when it is replaced or removed', () => {
    inject({ usagePercent: 83 });
    readers.readProcess();
    inject({ usagePercent: 96, heapUsedBytes: 44 });
    const replaced = readers.readProcess();
    rmSync(join(folder, 'inject.json'));
    const removed = readers.readProcess();

    expect(replaced).toMatchObject({ rssBytes: 960_000, heapUsedBytes: 44 });
    expect(removed).toMatchObject({ rssBytes: 100, source: 'process' });
  });

  it('takes the usage of the container, with its real limit or a given one', () => {
    inject({ containerUsedBytes: 450 });
    const real = readers.readContainer();
    inject({ containerUsedBytes: 450, containerLimitBytes: 600 });
    const given = readers.readContainer();

    expect(real).toEqual({ state: 'limited', usedBytes: 450, limitBytes: 500 });
    expect(given).toEqual({ state: 'limited', usedBytes: 450, limitBytes: 600 });
  });

  it('has no container usage without any limit', () => {
    container = { state: 'none', usedBytes: null, limitBytes: null };
    inject({ containerUsedBytes: 450 });

    expect(readers.readContainer()).toBe(container);
  });

  it.each<[unknown, string | RegExp]>([
    [{ fail: true }, 'fails on purpose'],
    ['{"rssBytes":', 'JSON'],
    [{ rss: 1 }, 'Unrecognized key'],
    [{ rssBytes: -1 }, 'rssBytes'],
    [{ usagePercent: '83' }, 'usagePercent'],
    ['[]', 'expected object'],
  ])('fails on %j', (content, message) => {
    inject(content);

    expect(() => readers.readProcess()).toThrow(message);
  });
});
