import type { Clock } from '../../clock/index.js';
import { isLocked } from '../database-error.js';

/** A lock of another process is tried again for this long, ms; SQLite's own timeout would block the event loop. */
export const LOCK_WAIT_MS = 5_000;
const LOCK_PAUSE_MS = 25;

/**
 * Tries again while another process holds the lock.
 *
 * @param clock real time, see `SqliteOptions.lockClock`
 * @throws what `attempt` throws; after {@link LOCK_WAIT_MS} also that the file is locked
 */
export async function whenUnlocked<T>(clock: Clock, attempt: () => T): Promise<T> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isLocked(error) || clock.monotonicMs() - startedMs >= LOCK_WAIT_MS) throw error;
    }
    await new Promise<void>((resolve) => void clock.after(LOCK_PAUSE_MS, resolve));
  }
}
