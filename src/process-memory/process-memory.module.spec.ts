import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { FakeClock } from '../../test/support/fake-clock.js';
import { CLOCK, ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import {
  ByteAccounts,
  EventLoopMonitor,
  GarbageCollector,
  MemorySampler,
  ProcessMemoryModule,
  readMachineMemory,
} from './index.js';

describe('ProcessMemoryModule', () => {
  let folder: string;
  let clock: FakeClock;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-module-'));
    clock = new FakeClock();
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
    expect(clock.pendingTimers).toBe(0);
  });

  const start = async (environment: Record<string, string>) => {
    const settings = loadSettings({ NODE_ENV: 'test', ...environment }, readMachineMemory());
    const module = await Test.createTestingModule({
      imports: [ConfigModule.forRoot(settings), ClockModule, ProcessMemoryModule],
    })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    const app = await module.init();
    return { app, settings };
  };

  it('offers its four parts, samples while it runs and leaves no timer behind', async () => {
    const { app } = await start({});
    const sampler = app.get(MemorySampler);
    clock.advance(2_000);
    const running = clock.pendingTimers;

    await app.close();

    expect(sampler.latest()).toMatchObject({ ok: true, source: 'process' });
    expect(sampler.snapshot().samples).toBe(2);
    expect(running).toBe(2);
    expect([app.get(ByteAccounts), app.get(GarbageCollector), app.get(EventLoopMonitor)]).toHaveLength(3);
  });

  it('takes readings from MEMORY_INJECT_FILE when it is set', async () => {
    const path = join(folder, 'inject.json');
    writeFileSync(path, '{"usagePercent":83}');

    const { app, settings } = await start({ MEMORY_INJECT_FILE: path });
    const sample = app.get(MemorySampler).latest();
    await app.close();

    expect(sample.source).toBe('injected');
    expect(sample.rssBytes).toBe(Math.ceil(0.83 * settings.memory.lineBytes));
  });
});
