import type { RefusalReason } from './cache-value.js';

/** Families that are counted apart; they are meant to be a handful. */
const MAX_FAMILIES = 64;

/** Figures of the keys with the same text before the first `:`. */
export interface FamilyStats {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly staleHits: number;
  readonly misses: number;
  readonly sets: number;
  readonly refused: number;
  readonly evictions: number;
  readonly expirations: number;
}

/** Counters of one family, changed in place. @internal */
export class CacheFamily {
  entries = 0;
  bytes = 0;
  hits = 0;
  staleHits = 0;
  misses = 0;
  sets = 0;
  refused = 0;
  evictions = 0;
  expirations = 0;
  /** A refused value is logged once a reason: it is a fault of the program, not of the request. */
  readonly loggedRefusals = new Set<RefusalReason>();

  stats(): FamilyStats {
    const { loggedRefusals: _logged, ...stats } = this;
    return stats;
  }
}

/** The families by name; past the cap all share `other`. @internal */
export class CacheFamilies {
  private readonly families = new Map<string, CacheFamily>();

  /** The family of a key; a key without `:` is in `none`. */
  of(key: string): CacheFamily {
    const name = familyName(key);
    return this.families.get(name) ?? this.add(name);
  }

  stats(): Readonly<Record<string, FamilyStats>> {
    return Object.fromEntries([...this.families].map(([name, family]) => [name, family.stats()]));
  }

  sum(count: Exclude<keyof FamilyStats, 'entries' | 'bytes'>): number {
    let sum = 0;
    for (const family of this.families.values()) sum += family[count];
    return sum;
  }

  private add(name: string): CacheFamily {
    const own = this.families.size >= MAX_FAMILIES ? 'other' : name;
    const known = this.families.get(own);
    if (known !== undefined) return known;
    const family = new CacheFamily();
    this.families.set(own, family);
    return family;
  }
}

/** The text before the first `:`. @internal */
export function familyName(key: string): string {
  const end = key.indexOf(':');
  return end > 0 && end <= 64 ? key.slice(0, end) : 'none';
}
