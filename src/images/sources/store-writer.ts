import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { BackgroundTasks } from '../../async-ops/index.js';
import { CLOCK, type Clock } from '../../clock/index.js';
import { SETTINGS, type Settings } from '../../config/index.js';
import {
  OBJECT_STORE,
  type ObjectKey,
  type ObjectStore,
  type PutOptions,
} from '../../object-storage/index.js';
import { ByteAccounts, type ByteAccount } from '../../process-memory/index.js';

/** Most bytes that may wait for the store behind answered requests; a writer beyond it waits (chosen: 16 sources at the stream threshold). */
const PENDING_BUDGET_BYTES = 16 * 1024 ** 2;

/** Pauses before the second and third attempt, ms (chosen: outlast a full disk's clean-up or a short hiccup). */
const RETRY_DELAYS_MS = [500, 2_000];

export interface StoreWriterSnapshot {
  readonly pendingWrites: number;
  readonly pendingBytes: number;
  readonly failedWrites: number;
}

/**
 * Writes to the store behind the answer: what can be made again need not delay a client, and a failed put
 * never fails one. Writes are tracked, bounded in bytes and retried. Acknowledged data does not go through here.
 */
@Injectable()
export class StoreWriter implements OnModuleDestroy {
  private readonly logger = new Logger(StoreWriter.name);
  /** By key; two writes of one key may be under way at once. */
  private readonly pending = new Map<ObjectKey, Set<Promise<void>>>();
  private readonly account: ByteAccount;
  private failedWrites = 0;

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly tasks: BackgroundTasks,
    accounts: ByteAccounts,
  ) {
    this.account = accounts.open('store-writes', PENDING_BUDGET_BYTES);
  }

  /** Starts the write; resolves at once while the backlog is small, else when the write is done. Never rejects. */
  async write(key: ObjectKey, bytes: Buffer, options: PutOptions): Promise<void> {
    if (this.settings.values.READ_ONLY) return;
    const crowded = this.account.usedBytes + bytes.length > PENDING_BUDGET_BYTES;
    this.account.usedBytes += bytes.length;
    const writing = this.attempt(key, bytes, options).finally(() => {
      this.account.usedBytes -= bytes.length;
      const writes = this.pending.get(key);
      writes?.delete(writing);
      if (writes?.size === 0) this.pending.delete(key);
    });
    const writes = this.pending.get(key) ?? new Set();
    this.pending.set(key, writes.add(writing));
    if (crowded) await writing;
    else this.tasks.detach(writing, 'store.write');
  }

  /** Resolves when no write of this key is under way. */
  async settled(key: ObjectKey): Promise<void> {
    const writes = this.pending.get(key);
    if (writes !== undefined) await Promise.all(writes);
  }

  snapshot(): StoreWriterSnapshot {
    return {
      pendingWrites: [...this.pending.values()].reduce((sum, writes) => sum + writes.size, 0),
      pendingBytes: this.account.usedBytes,
      failedWrites: this.failedWrites,
    };
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.pending.values()].flatMap((writes) => [...writes]));
    this.account.close();
  }

  private async attempt(key: ObjectKey, bytes: Buffer, options: PutOptions): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      try {
        await this.store.put(key, bytes, options);
        return;
      } catch (error) {
        const delayMs = RETRY_DELAYS_MS[tries];
        if (delayMs === undefined) {
          this.failedWrites += 1;
          this.logger.error(
            `Gave up storing ${key}: ${error instanceof Error ? error.message : String(error)}`,
          );
          return;
        }
        await new Promise<void>((resolve) => void this.clock.after(delayMs, resolve));
      }
    }
  }
}
