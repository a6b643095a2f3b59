import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import type { MemoryLevel } from '../events/index.js';
import { ImageMemoryManager, type LevelSnapshot } from '../image-memory/index.js';
import type { DrillOrder } from './drill-order.js';

export interface DrillView {
  readonly level: MemoryLevel;
  /** Where the ladder would stand without the drill. */
  readonly naturalLevel: MemoryLevel;
  /** `until` is epoch ms; `null` when a setting holds the level until restart. */
  readonly drill: LevelSnapshot['drill'];
}

/** Holds a level on purpose for a while, so that people and alarms can rehearse. It never hides a higher one. */
@Injectable()
export class Drills {
  constructor(
    private readonly imageMemory: ImageMemoryManager,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  current(): DrillView {
    const { level, naturalLevel, drill } = this.imageMemory.snapshot();
    return { level, naturalLevel, drill };
  }

  /** Begins a drill in place of the present one. It ends by itself. */
  begin({ level, seconds = 0 }: DrillOrder): DrillView {
    this.imageMemory.forceLevel(level, this.clock.now() + seconds * 1_000);
    return this.current();
  }

  /** The level then falls by one rung with each sample. A level that a setting holds stays. */
  end(): DrillView {
    return this.begin({ level: 'normal' });
  }
}
