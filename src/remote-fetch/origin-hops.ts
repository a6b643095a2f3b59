import type { Clock } from '../clock/index.js';
import type { Settings } from '../config/index.js';
import { PlimsollError } from '../errors/index.js';
import type { AddressGuard } from './address-guard.js';
import type { BodyStart, BodyTarget } from './body-target.js';
import type { Cancellation } from './cancellation.js';
import type { ConnectionPool } from './connection-pool.js';
import type { DownloadSlots } from './download-slots.js';
import type { SourceRequest } from './fetch-types.js';
import type { HostAddress } from './host-resolver.js';
import { isRedirect, redirectTarget, requestHeaders } from './origin-answer.js';
import { OriginExchange, StaleConnectionError, type OriginAnswer } from './origin-exchange.js';

/** Makes the target of the body that `url` answers with; `undefined` declines it. */
export type OpenBodyOf<B> = (start: BodyStart<B>, url: URL) => BodyTarget | undefined;

export interface OriginHopsParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly guard: AddressGuard;
  readonly slots: DownloadSlots;
  readonly pool: ConnectionPool;
}

/** Where a fetch has come to; moves on with each redirect. */
export interface Whereabouts {
  url: URL;
}

/** The way from a URL to its last answer: slot, guard, pinned connection, request; again for each redirect. */
export class OriginHops {
  constructor(private readonly parts: OriginHopsParts) {}

  /** @throws PlimsollError what `RemoteFetcher.fetch` names, but for the status of the last answer. */
  async follow<B>(
    at: Whereabouts,
    request: SourceRequest,
    openBody: OpenBodyOf<B>,
    cancellation: Cancellation,
  ): Promise<{ readonly answer: OriginAnswer<B>; readonly url: URL }> {
    const { slots, guard } = this.parts;
    const seen = new Set<string>();
    let release = await slots.acquire(at.url.origin, cancellation);
    cancellation.begin(request.timeoutMs);
    try {
      for (;;) {
        const { url } = at;
        seen.add(url.href);
        const answer = await this.hop(url, request, openBody, cancellation);
        if (!isRedirect(answer.status)) return { answer, url };
        const target = redirectTarget(answer, url, seen);
        guard.checkUrl(target);
        if (target.origin !== url.origin) {
          // Its own line for each origin: a slow target must not be reached past its limit.
          release();
          release = await slots.acquire(target.origin, cancellation);
        }
        at.url = target;
      }
    } finally {
      release();
    }
  }

  /** One hop: addresses, connection, request, answer; under the header deadline until the headers are there. */
  private async hop<B>(
    url: URL,
    request: SourceRequest,
    openBody: OpenBodyOf<B>,
    cancellation: Cancellation,
  ): Promise<OriginAnswer<B>> {
    const { clock, guard, settings } = this.parts;
    const timeoutMs = settings.values.FETCH_HEADER_TIMEOUT_MS;
    let end: (error: Error) => void = () => undefined;
    const cancelTimer = clock.after(timeoutMs, () =>
      end(
        new PlimsollError('origin-timeout', `The origin did not answer within ${timeoutMs} ms.`, {
          details: { timeoutMs },
        }),
      ),
    );
    const forget = cancellation.onCancel((error) => end(error));
    try {
      cancellation.throwIfCancelled();
      const addresses = await new Promise<readonly HostAddress[]>((resolve, reject) => {
        end = reject;
        guard.pin(url).then(resolve, reject);
      });
      const send = (fresh: boolean): Promise<OriginAnswer<B>> => {
        cancellation.throwIfCancelled();
        const exchange = this.open(url, addresses, fresh, request, openBody, cancelTimer);
        end = (error) => exchange.fail(error);
        return exchange.run();
      };
      return await send(false).catch((error: unknown) => {
        if (error instanceof StaleConnectionError) return send(true);
        throw error;
      });
    } finally {
      cancelTimer();
      forget();
    }
  }

  private open<B>(
    url: URL,
    addresses: readonly HostAddress[],
    fresh: boolean,
    request: SourceRequest,
    openBody: OpenBodyOf<B>,
    onHeaders: () => void,
  ): OriginExchange<B> {
    const { clock, pool, settings } = this.parts;
    const connection = pool.take(url.origin, addresses, fresh);
    return new OriginExchange<B>({
      connection,
      path: url.pathname + url.search,
      headers: requestHeaders(request),
      maxBytes: request.maxBytes,
      openBody: (start) => openBody(start, url),
      idleTimeoutMs: settings.values.FETCH_IDLE_TIMEOUT_MS,
      clock,
      onHeaders,
      releaseConnection: () => pool.release(connection),
      dropConnection: () => pool.drop(connection),
    });
  }
}
