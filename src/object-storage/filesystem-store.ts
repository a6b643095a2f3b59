import { resolve } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CLOCK, type Cancel, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';
import { ByteAccounts, type ByteAccount } from '../process-memory/index.js';
import { BackgroundWork } from './background-work.js';
import { CHECKSUM_BUFFERS_BYTES } from './checksum.js';
import { DamagedObjects } from './damaged-objects.js';
import { DISK, type Disk } from './disk.js';
import { Generations } from './generations.js';
import { KeyLocks } from './key-locks.js';
import { ENTRY_BYTES, ObjectIndex } from './object-index.js';
import { ObjectListing } from './object-listing.js';
import { nameOf, ObjectPaths, type ObjectName } from './object-paths.js';
import { ObjectReader } from './object-reader.js';
import type {
  ByteRange,
  LocalObject,
  ObjectInfo,
  ObjectKey,
  ObjectKind,
  ObjectStore,
  OpenObject,
  PutOptions,
  Spool,
  StoreSnapshot,
  WriteResult,
} from './object-store.js';
import { ObjectWriter } from './object-writer.js';
import { Pins } from './pins.js';
import { RecordCache } from './record-cache.js';
import { RECORD_BUFFERS_BYTES, RecordFiles } from './record-files.js';
import { SpoolFolder } from './spool-folder.js';
import { toStorageError } from './storage-error.js';
import { StoreCatalogue } from './store-catalogue.js';
import type { StoreParts } from './store-parts.js';
import { StoreRoot } from './store-root.js';
import { StoreScan } from './store-scan.js';
import { TransferGarbage } from './transfer-garbage.js';
import { VERIFIED_MEMO_BYTES, VerifiedMemo } from './verified-memo.js';
import { WriteProbe } from './write-probe.js';

/** The index is planned for objects of this size on average (chosen: half a usual variant) … */
const PLANNED_OBJECT_BYTES = 16 * 1024;

/** … and never takes more than this share of L; a full index evicts like a full disk. */
const INDEX_SHARE_OF_L = 1 / 32;
const SMALLEST_INDEX_BYTES = 1024 * 1024;

/** A scan that failed is tried again after this. */
const RESCAN_MS = 60_000;

/**
 * The object store in a folder. One process owns the folder: another one at the same time would not see what
 * this one evicts. See `ObjectPaths` for the layout, `ObjectWriter` for what makes a write whole.
 */
@Injectable()
export class FilesystemStore implements ObjectStore, OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(FilesystemStore.name);
  private readonly accounts: readonly ByteAccount[];
  private readonly recordAccount: ByteAccount;
  private readonly parts: StoreParts;
  private readonly spools: SpoolFolder;
  private readonly damaged: DamagedObjects;
  private readonly reader: ObjectReader;
  private readonly listing: ObjectListing;
  private readonly writer: ObjectWriter;
  private readonly probe: WriteProbe;
  private readonly scan: StoreScan;
  private readonly closing = new AbortController();
  private scanning: Promise<void> = Promise.resolve();
  private cancelRescan: Cancel = () => undefined;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    accounts: ByteAccounts,
    @Inject(DISK) disk: Disk,
  ) {
    const { DATA_DIR, STORE_MAX_BYTES, READ_ONLY: readOnly } = settings.values;
    const paths = new ObjectPaths(resolve(DATA_DIR));
    const generations = new Generations();
    const garbage = new TransferGarbage();
    const root = new StoreRoot(disk, paths, readOnly);
    const indexAccount = accounts.open(
      'store-index',
      indexBudget(STORE_MAX_BYTES, settings.memory.lineBytes),
    );
    const recordAccount = accounts.open('store-records', settings.memory.existenceCacheBytes);
    const fixedBytes = VERIFIED_MEMO_BYTES + CHECKSUM_BUFFERS_BYTES + RECORD_BUFFERS_BYTES;
    const bufferAccount = accounts.open('store-buffers', fixedBytes);
    bufferAccount.usedBytes = fixedBytes;
    this.accounts = [indexAccount, recordAccount, bufferAccount];
    this.recordAccount = recordAccount;
    this.parts = {
      disk,
      clock,
      paths,
      root,
      generations,
      records: new RecordFiles(disk, paths, generations),
      catalogue: new StoreCatalogue(
        new ObjectIndex(indexAccount),
        new RecordCache(recordAccount),
        new VerifiedMemo(),
        generations,
        clock,
      ),
      locks: new KeyLocks(clock),
      pins: new Pins(),
      background: new BackgroundWork(this.logger),
      garbage,
      logger: this.logger,
      readOnly,
    };
    this.spools = new SpoolFolder(disk, paths, generations, garbage);
    this.damaged = new DamagedObjects(this.parts);
    this.reader = new ObjectReader(this.parts, this.damaged);
    this.listing = new ObjectListing(this.parts, this.reader);
    this.writer = new ObjectWriter(this.parts, this.damaged, STORE_MAX_BYTES);
    this.probe = new WriteProbe(disk, clock, paths, root, generations, readOnly);
    this.scan = new StoreScan(this.parts);
  }

  /** Starts the scan and does not wait for it. */
  onModuleInit(): void {
    this.startScan();
  }

  /** Ends the scan and open streams, removes open spools, and waits for what still runs. */
  async onApplicationShutdown(): Promise<void> {
    this.closing.abort();
    this.cancelRescan();
    await this.scanning;
    await this.spools.close();
    await this.reader.close();
    await this.parts.background.drain();
    this.parts.catalogue.records.clear();
    for (const account of this.accounts) account.close();
  }

  /** Resolves when the scan that runs has ended, well or not. */
  whenScanned(): Promise<void> {
    return this.scanning;
  }

  createSpool(): Promise<Spool> {
    return this.writing(() => this.spools.create());
  }

  commit(spool: Spool, key: ObjectKey, options: PutOptions): Promise<WriteResult> {
    return this.writing(() => {
      if (!this.spools.owns(spool)) throw new TypeError('The spool is not one of this store, or is closed.');
      return this.writer.commit(checkedName(key), spool, options);
    });
  }

  put(key: ObjectKey, bytes: Uint8Array, options: PutOptions): Promise<WriteResult> {
    return this.writing(() => this.writer.put(checkedName(key), bytes, options));
  }

  head(key: ObjectKey): Promise<ObjectInfo | null> {
    return this.reading(key, (name) => this.reader.head(name));
  }

  setAttributes(key: ObjectKey, attributes: ObjectInfo['attributes']): Promise<ObjectInfo | null> {
    return this.writing(async () => {
      const name = checkedName(key);
      const info = await this.writer.setAttributes(name, attributes);
      // The reader drops what is damaged, and answers what is there when a writer was faster.
      return info === 'damaged' ? this.reader.head(name) : info;
    });
  }

  openRead(key: ObjectKey, range?: ByteRange): Promise<OpenObject | null> {
    return this.reading(key, (name) => this.reader.openRead(name, range));
  }

  read(key: ObjectKey): Promise<{ readonly info: ObjectInfo; readonly bytes: Buffer } | null> {
    return this.reading(key, (name) => this.reader.read(name));
  }

  openLocal(key: ObjectKey): Promise<LocalObject | null> {
    return this.reading(key, (name) => this.reader.openLocal(name));
  }

  delete(key: ObjectKey): Promise<boolean> {
    return this.writing(async () => {
      const name = nameOf(key);
      return name !== null && (await this.writer.delete(name));
    });
  }

  list(prefix: `${ObjectKind}/`): AsyncIterable<ObjectInfo> {
    return this.listing.list(prefix.slice(0, -1) as ObjectKind);
  }

  checkWritable(): Promise<void> {
    return this.probe.check();
  }

  snapshot(): StoreSnapshot {
    return {
      kind: 'filesystem',
      objects: this.parts.catalogue.totals(),
      indexed: this.parts.catalogue.complete,
      evictableBudgetBytes: this.writer.space.budgetBytes,
      evictions: this.writer.space.evictions,
      notStored: this.writer.notStored,
      corruptDropped: this.damaged.dropped,
      openSpools: this.spools.size,
      openStreams: this.reader.openStreams,
      pinned: this.parts.pins.size,
    };
  }

  forgetRecords(): number {
    const freedBytes = this.recordAccount.usedBytes;
    this.parts.catalogue.records.clear();
    return freedBytes;
  }

  private startScan(): void {
    this.scanning = this.runScan().catch((error: unknown) => {
      if (this.closing.signal.aborted) return;
      this.logger.error(
        `The store could not be scanned, next try in ${RESCAN_MS / 1000} s: ${messageOf(error)}`,
      );
      this.cancelRescan = this.clock.after(RESCAN_MS, () => this.startScan());
    });
  }

  private async runScan(): Promise<void> {
    const { catalogue, readOnly, root } = this.parts;
    await root.prepare();
    await this.scan.run(this.closing.signal);
    this.writer.space.reorder();
    if (!readOnly) await this.writer.space.trim();
    const { uploads, originals, variants } = catalogue.totals();
    this.logger.log(
      `Store scanned: ${uploads.count} uploads, ${originals.count} originals, ${variants.count} variants; ` +
        `${this.scan.swept} abandoned files removed.`,
    );
  }

  private async reading<T>(key: string, task: (name: ObjectName) => Promise<T | null>): Promise<T | null> {
    const name = nameOf(key);
    return name === null ? null : this.guarded(() => task(name));
  }

  private writing<T>(task: () => Promise<T>): Promise<T> {
    if (this.parts.readOnly) {
      return Promise.reject(
        new PlimsollError('read-only', 'This server runs read-only: nothing is stored, changed or deleted.'),
      );
    }
    return this.guarded(task);
  }

  private async guarded<T>(task: () => Promise<T>): Promise<T> {
    try {
      const preparing = this.parts.root.prepare();
      if (preparing !== undefined) await preparing;
      return await task();
    } catch (error) {
      throw toStorageError(error);
    }
  }
}

function checkedName(key: string): ObjectName {
  const name = nameOf(key);
  if (name === null)
    throw new RangeError('A key is uploads/…, originals/… or variants/… of at most 1024 characters.');
  return name;
}

function indexBudget(storeMaxBytes: number, lineBytes: number): number {
  const planned = (storeMaxBytes / PLANNED_OBJECT_BYTES) * ENTRY_BYTES;
  return Math.max(SMALLEST_INDEX_BYTES, Math.min(planned, lineBytes * INDEX_SHARE_OF_L));
}

const messageOf = (error: unknown): string => {
  if (error instanceof PlimsollError) return error.logMessage ?? error.message;
  return error instanceof Error ? error.message : String(error);
};
