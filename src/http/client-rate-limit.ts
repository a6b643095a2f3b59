import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SETTINGS, type Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';
import { clientKey } from './client-key.js';

const WINDOW_SECONDS = 60;

/**
 * Most clients remembered at once; the one that has been silent longest is forgotten first (chosen: at about
 * 500 bytes a client, key, record and timer, this is 10 MB at most).
 */
const MAX_CLIENTS = 20_000;

/** Limits uncached image work by client: `THROTTLE_PER_MINUTE` in a window of a minute; all or nothing by `THROTTLE`. */
@Injectable()
export class ClientRateLimit implements OnApplicationShutdown {
  private readonly limiter: RateLimiterMemory | undefined;
  private readonly clients: LRUCache<string, true>;
  private refused = 0;

  constructor(@Inject(SETTINGS) settings: Settings) {
    const { THROTTLE: enabled, THROTTLE_PER_MINUTE: points } = settings.values;
    this.limiter = enabled ? new RateLimiterMemory({ points, duration: WINDOW_SECONDS }) : undefined;
    this.clients = new LRUCache<string, true>({
      max: MAX_CLIENTS,
      disposeAfter: (_value, key, reason) => {
        // In memory: it resolves at once and cannot fail.
        if (reason !== 'set') this.limiter?.delete(key).catch(() => undefined);
      },
    });
  }

  /**
   * Takes one unit from the share of a client, given by its address.
   *
   * @throws PlimsollError `too-many-requests`, with the seconds until its window ends.
   */
  async charge(clientId: string): Promise<void> {
    if (this.limiter === undefined) return;
    const key = clientKey(clientId);
    this.clients.set(key, true);
    try {
      await this.limiter.consume(key);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      this.refused += 1;
      throw new PlimsollError(
        'too-many-requests',
        `More than ${this.limiter.points} uncached images a minute were asked for; what is cached is still served.`,
        { retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1_000) },
      );
    }
  }

  snapshot(): { readonly clients: number; readonly refused: number } {
    return { clients: this.clients.size, refused: this.refused };
  }

  /** Ends the limiter's timers. */
  onApplicationShutdown(): void {
    this.clients.clear();
  }
}
