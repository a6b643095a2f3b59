import type { Lease, LeaseClass } from './lease.js';

/** The side of the ledger that its leases talk to. */
export interface LeaseOwner {
  /** `false`, and nothing changed, when it does not fit. */
  resize(lease: LedgerLease, bytes: number): boolean;
  noteDetached(): void;
  takeBack(lease: LedgerLease): void;
}

export interface LeaseTerms {
  readonly id: number;
  readonly label: string;
  readonly kind: string;
  readonly class: LeaseClass;
  readonly job: boolean;
  readonly bytes: number;
  readonly grantedMs: number;
}

/**
 * A lease as the ledger keeps it. Callers know it as {@link Lease}.
 *
 * @internal
 */
export class LedgerLease implements Lease {
  readonly id: number;
  readonly label: string;
  readonly kind: string;
  readonly class: LeaseClass;
  readonly job: boolean;
  readonly grantedMs: number;
  /** Set by the ledger alone. */
  heldBytes: number;
  zombie = false;
  released = false;
  /** Has no other lease been held at any time of its life? */
  ranAlone = true;
  /** Readings of RSS at its start and the highest since; `null` before one. */
  startRssBytes: number | null = null;
  peakRssBytes: number | null = null;
  reportedAsOld = false;

  constructor(
    terms: LeaseTerms,
    private readonly owner: LeaseOwner,
  ) {
    this.id = terms.id;
    this.label = terms.label;
    this.kind = terms.kind;
    this.class = terms.class;
    this.job = terms.job;
    this.grantedMs = terms.grantedMs;
    this.heldBytes = terms.bytes;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  adjust(bytes: number): boolean {
    return this.owner.resize(this, bytes);
  }

  detach(): void {
    if (this.released || this.zombie) return;
    this.zombie = true;
    this.owner.noteDetached();
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.owner.takeBack(this);
  }
}
