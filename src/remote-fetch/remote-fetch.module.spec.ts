import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { ClockModule } from '../clock/index.js';
import { ConfigModule, loadSettings } from '../config/index.js';
import { ByteAccounts, ProcessMemoryModule } from '../process-memory/index.js';
import { RemoteFetchModule } from './remote-fetch.module.js';
import { RemoteFetcher } from './remote-fetcher.js';

const GIB = 1024 ** 3;

describe('RemoteFetchModule', () => {
  it('offers a fetcher that uses the system DNS and gives its byte account back on shutdown', async () => {
    const settings = loadSettings(
      { NODE_ENV: 'test' },
      { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB },
    );
    const module = await Test.createTestingModule({
      imports: [ConfigModule.forRoot(settings), ClockModule, ProcessMemoryModule, RemoteFetchModule],
    }).compile();
    const accounts = module.get(ByteAccounts, { strict: false });

    // The name comes from the hosts file: private, whatever the network.
    await expect(
      module.get(RemoteFetcher, { strict: false }).fetch({
        url: 'http://localhost/',
        accept: '*/*',
        maxBytes: 1,
        memoryThresholdBytes: 1,
        timeoutMs: 5_000,
        openSink: () => Promise.reject(new Error('no sink')),
      }),
    ).rejects.toMatchObject({ code: 'url-not-allowed' });
    expect(accounts.snapshot().accounts).toHaveProperty('fetch-failures');

    await module.close();
    expect(accounts.snapshot().accounts).not.toHaveProperty('fetch-failures');
  });
});
