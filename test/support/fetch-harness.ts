import { createWriteStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { loadSettings } from '../../src/config/index.js';
import { ByteAccounts } from '../../src/process-memory/index.js';
import {
  RemoteFetcher,
  type FetchOutcome,
  type FetchRequest,
  type FetchSink,
  type HostAddress,
} from '../../src/remote-fetch/index.js';
import { FakeClock } from './fake-clock.js';
import { OriginServer } from './origin-server.js';

export interface FileSink extends FetchSink {
  readonly path: string;
  readonly writable: Writable;
}

const GIB = 1024 ** 3;

/** Runs the loop until the condition holds; the test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets this many turns of the event loop pass: what lies ready in a loopback socket has arrived then. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A fetcher with a fake clock and DNS, a scripted origin and a folder for sinks. */
export class FetchHarness {
  readonly clock = new FakeClock();
  readonly origin = new OriginServer();
  readonly accounts = new ByteAccounts();
  readonly folder = mkdtempSync(join(tmpdir(), 'fetch-'));
  /** Names that the fake DNS was asked for, in order. */
  readonly lookups: string[] = [];
  private readonly names = new Map<string, string[][]>();
  private sinks = 0;
  private fetchers: RemoteFetcher[] = [];

  /** A fetcher that may reach the origin, unless `FETCH_ALLOWED_HOSTS` says otherwise. */
  fetcher(environment: Record<string, string> = {}): RemoteFetcher {
    const settings = loadSettings(
      { NODE_ENV: 'test', FETCH_ALLOWED_HOSTS: this.origin.host, ...environment },
      { containerLimitBytes: null, totalMemoryBytes: 16 * GIB, heapLimitBytes: GIB },
    );
    const resolver = { resolve: (name: string): Promise<readonly HostAddress[]> => this.resolve(name) };
    const accounts = this.fetchers.length === 0 ? this.accounts : new ByteAccounts();
    const fetcher = new RemoteFetcher(settings, this.clock, resolver, accounts);
    this.fetchers.push(fetcher);
    return fetcher;
  }

  /** Scripts the DNS: each lookup takes the next list of addresses, the last one stays. */
  name(hostname: string, ...answers: string[][]): void {
    this.names.set(hostname, answers);
  }

  request(pathOrUrl: string, overrides: Partial<FetchRequest<FileSink>> = {}): FetchRequest<FileSink> {
    return {
      url: pathOrUrl.startsWith('/') ? this.origin.url(pathOrUrl) : pathOrUrl,
      accept: 'image/*',
      maxBytes: 4_000_000,
      memoryThresholdBytes: 100_000,
      timeoutMs: 30_000,
      openSink: () => Promise.resolve(this.openSink()),
      ...overrides,
    };
  }

  openSink(): FileSink {
    const path = join(this.folder, `sink-${(this.sinks += 1)}`);
    return { path, writable: createWriteStream(path), discard: () => rm(path, { force: true }) };
  }

  /** Files that were not discarded. */
  get files(): string[] {
    return readdirSync(this.folder);
  }

  /** Shuts down; what is still held then is the returned list, empty when nothing leaked. */
  async close(): Promise<string[]> {
    const leaks: string[] = [];
    for (const fetcher of this.fetchers) {
      const { active, waiting } = fetcher.snapshot();
      if (active + waiting > 0) leaks.push(`${active} active and ${waiting} waiting downloads`);
      await fetcher.onApplicationShutdown();
      if (fetcher.snapshot().connections > 0) leaks.push(`${fetcher.snapshot().connections} connections`);
    }
    if (this.clock.pendingTimers > 0) leaks.push(`${this.clock.pendingTimers} timers`);
    if (this.accounts.totalUsedBytes > 0) leaks.push(`${this.accounts.totalUsedBytes} bytes`);
    await this.origin.whenQuiet();
    await this.origin.close();
    rmSync(this.folder, { recursive: true });
    return leaks;
  }

  private resolve(name: string): Promise<readonly HostAddress[]> {
    this.lookups.push(name);
    const answers = this.names.get(name);
    const addresses = (answers?.length ?? 0) > 1 ? answers?.shift() : answers?.[0];
    if (addresses === undefined) return Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`));
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  }
}

/** The bytes of an outcome that was expected to stay in memory. */
export function memoryBytes(outcome: FetchOutcome<FetchSink>): Buffer {
  if (outcome.kind !== 'memory') throw new Error(`expected a body in memory, got ${outcome.kind}`);
  return outcome.bytes;
}
