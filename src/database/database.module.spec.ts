import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { EventsModule } from '../events/index.js';
import { ProcessMemoryModule, readMachineMemory } from '../process-memory/index.js';
import { DATABASE, type Database } from './database.js';
import { DatabaseModule } from './database.module.js';

const answers: unknown[] = [];

/** A room that still needs its rows while it closes. */
@Injectable()
class LastWords implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async onApplicationShutdown(): Promise<void> {
    answers.push(await this.database.queries.selectFrom('counters').select('value').execute());
  }
}

@Module({ providers: [LastWords] })
class UserModule {}

describe('DatabaseModule', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-module-'));
    answers.length = 0;
  });

  afterEach(() => rm(dataDir, { recursive: true }));

  const open = async () => {
    const settings = loadSettings(
      { DATA_DIR: dataDir },
      { ...readMachineMemory(), containerLimitBytes: null },
    );
    const testing = await Test.createTestingModule({
      imports: [
        ConfigModule.forRoot(settings),
        ClockModule,
        EventsModule,
        ProcessMemoryModule,
        DatabaseModule,
        UserModule,
      ],
    }).compile();
    return testing.init();
  };

  it('closes after the rooms that use it', async () => {
    const app = await open();
    const database = app.get<Database>(DATABASE);

    await app.close();

    expect(answers).toEqual([[{ value: 0 }, { value: 0 }]]);
    await expect(database.ping()).rejects.toMatchObject({ code: 'shutting-down' });
  });

  it('opens again what an earlier start has written', async () => {
    const first = await open();
    await first
      .get<Database>(DATABASE)
      .queries.insertInto('state')
      .values({ name: 'kept', value: '1', updated_at: 0 })
      .execute();
    await first.close();

    const second = await open();
    const rows = await second.get<Database>(DATABASE).queries.selectFrom('state').select('name').execute();
    await second.close();

    expect(rows).toEqual([{ name: 'kept' }]);
  });
});
