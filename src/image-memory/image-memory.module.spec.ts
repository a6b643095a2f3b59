import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { EventBus, EventsModule } from '../events/index.js';
import { ByteAccounts, MemorySampler, ProcessMemoryModule } from '../process-memory/index.js';
import { ImageMemoryManager, ImageMemoryModule, RESERVATIONS_ENABLED } from './index.js';

const GIB = 1024 ** 3;

/** The real sampler reads a test process that has seen many suites: a small L would find it under pressure. */
const settings = loadSettings(
  { TOTAL_PROCESS_MEMORY_BUDGET_BYTES: '12GiB' },
  { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: 512 * 1024 ** 2 },
);

const build = () =>
  Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(settings),
      ClockModule,
      EventsModule,
      ProcessMemoryModule,
      ImageMemoryModule,
    ],
  });

describe('ImageMemoryModule', () => {
  it('offers a manager that listens while the application lives and leaves nothing behind', async () => {
    const app = await build().compile();
    await app.init();
    const manager = app.get(ImageMemoryManager);

    expect(manager.level()).toBe('normal');
    expect(manager.snapshot().ledger).toMatchObject({ enabled: true, leases: 0 });
    expect(manager.snapshot().ledger.idleFloorBytes).toBeGreaterThan(0);
    expect(
      await manager.withReservation({ bytes: 1, class: 'interactive', label: 'x', job: true }, async () => 7),
    ).toBe(7);

    await app.close();
    expect(app.get(EventBus).snapshot().listeners).toBe(0);
    expect(app.get(MemorySampler).snapshot().listeners).toBe(0);
    expect(app.get(ByteAccounts).snapshot().accounts).toEqual({});
  });

  it('lets a test build switch reservations off', async () => {
    const app = await build().overrideProvider(RESERVATIONS_ENABLED).useValue(false).compile();
    await app.init();
    const manager = app.get(ImageMemoryManager);

    const lease = manager.tryReserve({ bytes: 100 * GIB, class: 'background', label: 'x', job: true });

    expect(lease).not.toBeNull();
    lease?.release();
    await app.close();
  });
});
