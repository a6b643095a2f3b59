import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { Clock } from '../clock/index.js';
import { loadSettings } from '../config/index.js';
import { ByteAccounts } from '../process-memory/index.js';
import { Disk } from './disk.js';
import { FilesystemStore } from './filesystem-store.js';

Logger.overrideLogger(false);

const MACHINE = {
  containerLimitBytes: null,
  totalMemoryBytes: 8 * 1024 ** 3,
  heapLimitBytes: 512 * 1024 ** 2,
};

export interface StoreOptions {
  readonly dataDir: string;
  readonly maxBytes?: number;
  readonly readOnly?: boolean;
  readonly clock?: Clock;
  readonly disk?: Disk;
  readonly accounts?: ByteAccounts;
  /** `false`: the caller starts the scan. */
  readonly scan?: boolean;
}

/** A real store on a real folder, its scan done unless told otherwise. */
export async function openStore(options: StoreOptions): Promise<FilesystemStore> {
  const environment = {
    NODE_ENV: 'test',
    DATA_DIR: options.dataDir,
    STORE_MAX_BYTES: String(options.maxBytes ?? 10 * 1024 ** 3),
    READ_ONLY: options.readOnly === true ? 'on' : 'off',
  };
  const store = new FilesystemStore(
    loadSettings(environment, MACHINE),
    options.clock ?? new FakeClock(Date.now()),
    options.accounts ?? new ByteAccounts(),
    options.disk ?? new Disk(),
  );
  if (options.scan !== false) {
    store.onModuleInit();
    await store.whenScanned();
  }
  return store;
}

export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-store-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Every file below a folder, by its path from there, sorted. */
export async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}

/** Bytes that a key and a version determine, so that another process can tell what it reads. */
export function bytesOf(key: string, version: number, size: number): Buffer {
  const block = createHash('sha512').update(`${key} ${version}`).digest();
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += block.byteLength) block.copy(bytes, at);
  return bytes;
}

type Call =
  | 'open'
  | 'close'
  | 'readv'
  | 'read'
  | 'write'
  | 'writev'
  | 'sync'
  | 'syncFolder'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'readdir'
  | 'stat';

const CALLS: readonly Call[] = [
  'open',
  'close',
  'readv',
  'read',
  'write',
  'writev',
  'sync',
  'syncFolder',
  'rename',
  'unlink',
  'mkdir',
  'readdir',
  'stat',
];

/** A real disk that writes down its calls and lets a chosen one fail. */
export class FaultyDisk extends Disk {
  readonly calls: { readonly call: Call; readonly path: string }[] = [];
  /** Asked before each call; a text is the code that the call fails with. */
  fault: (call: Call, path: string) => string | null = () => null;

  constructor() {
    super();
    for (const call of CALLS) {
      const real = (this[call] as (...args: unknown[]) => Promise<unknown>).bind(this);
      const replaced = async (...args: unknown[]): Promise<unknown> => {
        const path = String(args[0]);
        this.calls.push({ call, path });
        const code = this.fault(call, path);
        // A failed close has closed all the same.
        if (code !== null && call === 'close') await real(...args);
        if (code !== null) throw Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
        return real(...args);
      };
      Object.defineProperty(this, call, { value: replaced, configurable: true });
    }
  }
}
