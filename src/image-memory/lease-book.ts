import { Logger } from '@nestjs/common';
import type { ReservationRequest } from './lease.js';
import { LedgerLease, type LeaseOwner } from './ledger-lease.js';

export interface HeldLease {
  readonly id: number;
  readonly label: string;
  readonly class: ReservationRequest['class'];
  readonly bytes: number;
  readonly ageMs: number;
  readonly zombie: boolean;
}

const LABEL_LENGTH = 120;
const LEASES_SHOWN = 32;

/**
 * The leases that are held. The map is the truth; the running sums exist for speed and are made anew from it at each
 * tick. A difference is a fault: it is logged, counted and corrected, never carried on (a drift that stays refuses
 * work for ever).
 */
export class LeaseBook {
  private readonly logger = new Logger(LeaseBook.name);
  private readonly leases = new Map<number, LedgerLease>();
  private nextId = 1;
  private sumBytes = 0;
  private jobCount = 0;
  private lastDriftBytes = 0;
  private drifts = 0;

  /** @param oldLeaseMs a lease held for longer is reported once, with its label, and left alone */
  constructor(private readonly oldLeaseMs: number) {}

  get reservedBytes(): number {
    return this.sumBytes;
  }

  get size(): number {
    return this.leases.size;
  }

  get jobs(): number {
    return this.jobCount;
  }

  get zombies(): number {
    let count = 0;
    for (const lease of this.leases.values()) if (lease.zombie) count += 1;
    return count;
  }

  get drift(): { readonly bytes: number; readonly events: number } {
    return { bytes: this.lastDriftBytes, events: this.drifts };
  }

  /** The only place that makes a lease. */
  open(request: ReservationRequest, owner: LeaseOwner, nowMs: number, rssBytes: number): LedgerLease {
    const lease = new LedgerLease(
      {
        id: this.nextId++,
        label: request.label.slice(0, LABEL_LENGTH),
        kind: request.kind ?? kindOf(request.label),
        class: request.class,
        job: request.job,
        bytes: Math.ceil(request.bytes),
        grantedMs: nowMs,
      },
      owner,
    );
    if (this.leases.size === 0) lease.startRssBytes = rssBytes;
    else for (const each of [lease, ...this.leases.values()]) each.ranAlone = false;
    this.leases.set(lease.id, lease);
    this.sumBytes += lease.bytes;
    if (lease.job) this.jobCount += 1;
    return lease;
  }

  resize(lease: LedgerLease, bytes: number): void {
    this.sumBytes += Math.ceil(bytes) - lease.heldBytes;
    lease.heldBytes = Math.ceil(bytes);
  }

  close(lease: LedgerLease): void {
    if (!this.leases.delete(lease.id)) return;
    this.sumBytes -= lease.heldBytes;
    if (lease.job) this.jobCount -= 1;
  }

  /** At each sample: sums made anew, peaks noted, old leases reported. */
  review(rssBytes: number, nowMs: number): void {
    let sumBytes = 0;
    let jobs = 0;
    for (const lease of this.leases.values()) {
      sumBytes += lease.heldBytes;
      if (lease.job) jobs += 1;
      if (lease.ranAlone) lease.peakRssBytes = Math.max(lease.peakRssBytes ?? 0, rssBytes);
      if (!lease.reportedAsOld && nowMs - lease.grantedMs > this.oldLeaseMs) this.reportOld(lease, nowMs);
    }
    this.lastDriftBytes = this.sumBytes - sumBytes;
    if (this.lastDriftBytes !== 0 || jobs !== this.jobCount) {
      this.drifts += 1;
      this.logger.error(
        `The ledger drifted by ${this.lastDriftBytes} bytes and ${this.jobCount - jobs} jobs; corrected.`,
      );
    }
    this.sumBytes = sumBytes;
    this.jobCount = jobs;
  }

  /** Oldest first, bounded. */
  list(nowMs: number): readonly HeldLease[] {
    return [...this.leases.values()].slice(0, LEASES_SHOWN).map((lease) => ({
      id: lease.id,
      label: lease.label,
      class: lease.class,
      bytes: lease.bytes,
      ageMs: nowMs - lease.grantedMs,
      zombie: lease.zombie,
    }));
  }

  private reportOld(lease: LedgerLease, nowMs: number): void {
    lease.reportedAsOld = true;
    const ageMs = Math.round(nowMs - lease.grantedMs);
    this.logger.warn(`Lease ${lease.id} (${lease.label}) of ${lease.bytes} bytes is held for ${ageMs} ms.`);
  }
}

/** `jpeg to webp 800x600` → `jpeg to webp`. */
const kindOf = (label: string): string => (label.split(/\d/, 1)[0] ?? '').trim().slice(0, LABEL_LENGTH);
