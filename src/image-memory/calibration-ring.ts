/** How one kind of operation compared with its estimates. */
export interface CalibrationFigures {
  readonly samples: number;
  /** Median and 90th percentile of actual over estimate. */
  readonly medianRatio: number;
  readonly p90Ratio: number;
  /** What estimates of this kind are multiplied by, 1 to 2. */
  readonly multiplier: number;
}

/** Samples kept per kind: enough for a p90, and forgotten within minutes of work. */
const RING_SIZE = 64;

/** Below this many samples a kind has no opinion (chosen: a p90 of fewer is its maximum). */
const FEWEST_SAMPLES = 8;

/** Kinds kept; the one unused for longest goes. Formats in × formats out are 35. */
const MOST_KINDS = 64;

/** RSS moves by this much without any operation (chosen: heap growth and allocator granularity). */
const NOISE_BYTES = 8 * 1024 ** 2;

/** A multiplier beyond this is a fault of the model, to be repaired there. */
const LARGEST_MULTIPLIER = 2;

/**
 * Compares estimates with what RSS did while the operation ran alone. It may raise an estimate, bounded, and never
 * lowers one below the model: RSS is sampled, so a peak can be missed, and memory that the process already held may
 * have been used again.
 */
export class CalibrationRing {
  private readonly rings = new Map<string, { ratios: number[]; next: number; multiplier: number }>();

  /** Takes note of an operation that ran alone. Figures that are no sizes are ignored. */
  record(kind: string, estimatedBytes: number, actualBytes: number): void {
    if (!(estimatedBytes > 0) || !Number.isFinite(estimatedBytes) || !Number.isFinite(actualBytes)) return;
    const ring = this.rings.get(kind) ?? { ratios: [], next: 0, multiplier: 1 };
    this.rings.delete(kind);
    this.rings.set(kind, ring);
    ring.ratios[ring.next] = Math.max(0, actualBytes - NOISE_BYTES) / estimatedBytes;
    ring.next = (ring.next + 1) % RING_SIZE;
    ring.multiplier =
      ring.ratios.length < FEWEST_SAMPLES
        ? 1
        : Math.min(LARGEST_MULTIPLIER, Math.max(1, percentile(ring.ratios, 0.9)));
    const oldest = this.rings.keys().next().value;
    if (this.rings.size > MOST_KINDS && oldest !== undefined) this.rings.delete(oldest);
  }

  /** 1 to 2. */
  multiplierOf(kind: string): number {
    return this.rings.get(kind)?.multiplier ?? 1;
  }

  snapshot(): Readonly<Record<string, CalibrationFigures>> {
    const figures: Record<string, CalibrationFigures> = {};
    for (const [kind, { ratios, multiplier }] of this.rings) {
      figures[kind] = {
        samples: ratios.length,
        medianRatio: percentile(ratios, 0.5),
        p90Ratio: percentile(ratios, 0.9),
        multiplier,
      };
    }
    return figures;
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
