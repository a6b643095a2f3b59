import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../test/support/fake-clock.js';
import { loadSettings } from '../config/index.js';
import type { MemoryLevel } from '../events/index.js';
import type { ImageMemoryManager } from '../image-memory/index.js';
import { ByteAccounts, HeapInspector, type MemorySampler } from '../process-memory/index.js';
import type { ServerCache } from '../server-cache/index.js';
import { DiagnosisFolder } from './diagnosis-folder.js';
import { DiagnosisStatistics } from './diagnosis-statistics.js';
import { HeapDiagnosis } from './heap-diagnosis.js';

const MIB = 1024 ** 2;
const MACHINE = { containerLimitBytes: null, totalMemoryBytes: 8_192 * MIB, heapLimitBytes: 1_024 * MIB };

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('heap diagnosis', () => {
  let dataDir: string;
  let clock: FakeClock;
  let level: MemoryLevel;
  let heapUsedBytes: number;
  let onSample: () => void;
  let write: (path: string) => void;
  let written: number;
  let diagnosis: HeapDiagnosis;

  function start(environment: Record<string, string> = {}): void {
    const settings = loadSettings({ DATA_DIR: dataDir, ...environment }, MACHINE);
    const inspector: HeapInspector = new HeapInspector();
    inspector.writeSnapshot = (path) => {
      written += 1;
      write(path);
    };
    const accounts = new ByteAccounts();
    accounts.open('some-cache', 10).usedBytes = 7;
    const families = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`family${index}`, { bytes: index, entries: 1 }]),
    );
    const serverCache = { stats: () => ({ families }) } as unknown as ServerCache;
    const sampler = {
      sample: () => {
        onSample();
        return { rssBytes: 150 * MIB, childrenRssBytes: 50 * MIB, heapUsedBytes, ok: true };
      },
    } as unknown as MemorySampler;
    const imageMemory = {
      snapshot: () => ({ level, lineBytes: 2_048 * MIB, ledger: { reservedBytes: 0 } }),
    } as unknown as ImageMemoryManager;
    diagnosis = new HeapDiagnosis(
      clock,
      sampler,
      imageMemory,
      inspector,
      new DiagnosisStatistics(inspector, accounts, serverCache),
      new DiagnosisFolder(settings),
    );
  }

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'plimsoll-diagnosis-'));
    clock = new FakeClock();
    level = 'normal';
    heapUsedBytes = 40 * MIB;
    onSample = () => undefined;
    write = (path) => writeFileSync(path, '{"snapshot":{}}');
    written = 0;
    start();
  });

  afterEach(() => {
    // Whatever happened, nothing half written stays.
    const left = existsSync(join(dataDir, 'diagnosis')) ? readdirSync(join(dataDir, 'diagnosis')) : [];
    rmSync(dataDir, { recursive: true, force: true });
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  const folder = (): string => join(dataDir, 'diagnosis');

  describe('when a snapshot fits', () => {
    it('writes one, for the owner only', async () => {
      const report = await diagnosis.run('test');

      const name = '2026-01-01T00-00-00-000Z.heapsnapshot';
      expect(report).toMatchObject({ kind: 'snapshot', file: { name, bytes: 15 } });
      expect(readFileSync(join(folder(), name), 'utf8')).toBe('{"snapshot":{}}');
      expect(modeOf(join(folder(), name))).toBe('600');
      expect(modeOf(folder())).toBe('700');
    });

    it('judges and writes in one breath: nothing can start in between', async () => {
      const order: string[] = [];
      onSample = () => {
        order.push('judged');
        process.nextTick(() => order.push('somebody else'));
      };
      write = (path) => {
        order.push('written');
        writeFileSync(path, '{}');
      };

      await diagnosis.run('test');

      expect(order).toEqual(['judged', 'written', 'somebody else']);
    });

    it('keeps the last three, and sweeps what a killed process left', async () => {
      const names: string[] = [];
      for (let run = 0; run < 5; run += 1) {
        const { file } = await diagnosis.run('test');
        names.push(file.name);
        if (run === 0) writeFileSync(join(folder(), '2025.heapsnapshot.part'), 'half');
        clock.advance(1_000);
      }

      expect(readdirSync(folder()).sort()).toEqual(names.slice(2));
    });

    it('writes one for all who ask meanwhile', async () => {
      const reports = await Promise.all([diagnosis.run('a'), diagnosis.run('b'), diagnosis.run('c')]);

      expect(written).toBe(1);
      expect(new Set(reports).size).toBe(1);
    });

    it('leaves nothing behind when the disk is full, and works again', async () => {
      write = (path) => {
        writeFileSync(path, 'half');
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      };
      await expect(diagnosis.run('test')).rejects.toMatchObject({ code: 'storage-unavailable' });
      expect(readdirSync(folder())).toEqual([]);

      write = (path) => writeFileSync(path, '{}');

      await expect(diagnosis.run('test')).resolves.toMatchObject({ kind: 'snapshot' });
    });
  });

  describe('when it does not fit', () => {
    it('writes statistics and the reason instead', async () => {
      heapUsedBytes = 100 * MIB;

      const report = await diagnosis.run('test');

      const name = '2026-01-01T00-00-00-000Z.json';
      expect(report).toMatchObject({ kind: 'statistics', refusal: 'no-room', file: { name } });
      expect(written).toBe(0);
      expect(modeOf(join(folder(), name))).toBe('600');
      const content = JSON.parse(readFileSync(join(folder(), name), 'utf8')) as Record<string, unknown>;
      expect(content).toMatchObject({
        at: '2026-01-01T00:00:00.000Z',
        trigger: 'test',
        refusal: 'no-room',
        reason:
          'A heap snapshot needs 20 times the heap in use, 2.0 GiB; under the memory line 1.8 GiB are left.',
        figures: { heapUsedBytes: 100 * MIB, rssBytes: 200 * MIB },
        heap: { used_heap_size: expect.any(Number), heap_size_limit: expect.any(Number) },
        spaces: expect.arrayContaining([expect.objectContaining({ space_name: 'old_space' })]),
        caches: { accounts: { 'some-cache': { usedBytes: 7, budgetBytes: 10 } } },
      });
      expect((content['cacheFamilies'] as { name: string }[]).map((family) => family.name)).toEqual(
        Array.from({ length: 10 }, (_, index) => `family${11 - index}`),
      );
    });

    it('does so from degraded up', async () => {
      level = 'degraded';

      await expect(diagnosis.run('test')).resolves.toMatchObject({
        refusal: 'level',
        reason: 'The memory level is degraded; a heap snapshot is written at normal and coordinate only.',
      });
      expect(written).toBe(0);
    });
  });

  it('writes nothing on a server that is read-only', async () => {
    start({ READ_ONLY: 'on' });

    await expect(diagnosis.run('test')).rejects.toMatchObject({ code: 'read-only' });
    expect(existsSync(folder())).toBe(false);
  });
});
