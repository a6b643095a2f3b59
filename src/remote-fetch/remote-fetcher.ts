import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { AbortedError, PlimsollError, isAbort, isPlimsollError } from '../errors/index.js';
import { ByteAccounts, type ByteAccount } from '../process-memory/index.js';
import { AddressGuard } from './address-guard.js';
import { AllowedHosts } from './allowed-hosts.js';
import { Cancellation } from './cancellation.js';
import { ConnectionPool } from './connection-pool.js';
import { DownloadSlots } from './download-slots.js';
import { FAILURE_MEMORY_BYTES, FailureMemory } from './failure-memory.js';
import type { FetchOutcome, FetchRequest, FetchSink, FetchSnapshot } from './fetch-types.js';
import { HOST_RESOLVER, type HostAddress, type HostResolver } from './host-resolver.js';
import { isRedirect, redirectTarget, requestHeaders, toOutcome } from './origin-answer.js';
import { OriginExchange, StaleConnectionError, type OriginAnswer } from './origin-exchange.js';
import { parseSourceUrl } from './source-url.js';

/**
 * The guarded HTTP client for URLs that users supply. http and https only; every address is resolved once,
 * checked and pinned, on each of at most five redirects; bytes (after decompression), silence and total time are
 * bounded; neither cookies nor credentials nor a referrer are sent.
 */
@Injectable()
export class RemoteFetcher implements OnApplicationShutdown {
  private readonly guard: AddressGuard;
  private readonly slots: DownloadSlots;
  private readonly failures: FailureMemory;
  private readonly account: ByteAccount;
  private readonly pool = new ConnectionPool();
  private readonly running = new Set<Cancellation>();
  private readonly failedByCode: Record<string, number> = {};
  private completed = 0;
  private closed = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(HOST_RESOLVER) resolver: HostResolver,
    accounts: ByteAccounts,
  ) {
    const { values } = settings;
    this.guard = new AddressGuard(
      new AllowedHosts(values.FETCH_ALLOWED_HOSTS ?? []),
      resolver,
      values.PUBLIC_URL,
    );
    this.slots = new DownloadSlots(values.FETCH_CONCURRENCY, values.FETCH_PER_ORIGIN, values.QUEUE_MAX_ITEMS);
    this.account = accounts.open('fetch-failures', FAILURE_MEMORY_BYTES);
    this.failures = new FailureMemory(clock, values.NEGATIVE_CACHE_TTL_MS, this.account);
  }

  /**
   * Fetches a source. Identical requests are not joined here; whoever calls does that.
   *
   * On a failure nothing is left: the sink is discarded, the socket destroyed, the slot free before it rejects.
   * What `openSink` or the sink throws (a full disk) is passed on as it is.
   *
   * @throws AbortedError when `signal` aborts.
   * @throws PlimsollError `invalid-parameter`, `unsupported-url-scheme`, `url-not-allowed`, `server-busy`,
   *   `shutting-down`: decided here, never remembered; `origin-not-found`, `origin-gone`, `origin-refused`,
   *   `origin-error`, `origin-unreachable`, `origin-timeout`, `too-many-redirects`, `source-too-large`: the
   *   origin's, remembered for NEGATIVE_CACHE_TTL_MS (a passed total deadline is not: it is the caller's).
   */
  async fetch<S extends FetchSink>(request: FetchRequest<S>): Promise<FetchOutcome<S>> {
    let key: string | undefined;
    let cancellation: Cancellation | undefined;
    try {
      if (this.closed) throw shuttingDown();
      if (request.signal?.aborted === true) throw new AbortedError('The fetch was aborted by its caller.');
      const url = parseSourceUrl(request.url);
      this.guard.checkUrl(url);
      this.failures.throwIfKnown(url.href, request.maxBytes);
      key = url.href;
      cancellation = new Cancellation(
        this.clock,
        request.queueTimeoutMs ?? request.timeoutMs,
        request.signal,
      );
      this.running.add(cancellation);
      const outcome = await this.follow(url, request, cancellation);
      this.failures.forget(key);
      this.completed += 1;
      return outcome;
    } catch (error) {
      this.count(error);
      if (key !== undefined && cancellation?.isCausedBy(error) !== true) {
        this.failures.remember(key, error, request.maxBytes);
      }
      throw error;
    } finally {
      if (cancellation !== undefined) {
        cancellation.close();
        this.running.delete(cancellation);
      }
    }
  }

  /** Drops what is remembered about failures of this URL, so that the next fetch asks the origin. */
  forget(url: string): void {
    if (!URL.canParse(url)) return;
    const parsed = new URL(url);
    parsed.hash = '';
    this.failures.forget(parsed.href);
  }

  snapshot(): FetchSnapshot {
    return {
      active: this.slots.active,
      waiting: this.slots.waiting,
      completed: this.completed,
      failedByCode: { ...this.failedByCode },
      negativeEntries: this.failures.entries,
      negativeHits: this.failures.hits,
      connections: this.pool.openCount,
      idleConnections: this.pool.idleCount,
    };
  }

  /** Ends what runs and waits with `shutting-down` and closes every socket. */
  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    for (const cancellation of [...this.running]) cancellation.cancel(shuttingDown());
    this.failures.clear();
    this.account.close();
    await this.pool.closeAll();
  }

  private async follow<S extends FetchSink>(
    first: URL,
    request: FetchRequest<S>,
    cancellation: Cancellation,
  ): Promise<FetchOutcome<S>> {
    const seen = new Set<string>();
    let url = first;
    let release = await this.slots.acquire(url.origin, cancellation);
    cancellation.begin(request.timeoutMs);
    try {
      for (;;) {
        seen.add(url.href);
        const answer = await this.hop(url, request, cancellation);
        if (!isRedirect(answer.status)) return toOutcome(answer, url, request);
        const target = redirectTarget(answer, url, seen);
        this.guard.checkUrl(target);
        if (target.origin !== url.origin) {
          // Its own line for each origin: a slow target must not be reached past its limit.
          release();
          release = await this.slots.acquire(target.origin, cancellation);
        }
        url = target;
      }
    } finally {
      release();
    }
  }

  /** One hop: addresses, connection, request, answer; under the header deadline until the headers are there. */
  private async hop<S extends FetchSink>(
    url: URL,
    request: FetchRequest<S>,
    cancellation: Cancellation,
  ): Promise<OriginAnswer<S>> {
    const timeoutMs = this.settings.values.FETCH_HEADER_TIMEOUT_MS;
    let end: (error: Error) => void = () => undefined;
    const cancelTimer = this.clock.after(timeoutMs, () =>
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
        this.guard.pin(url).then(resolve, reject);
      });
      const send = (fresh: boolean): Promise<OriginAnswer<S>> => {
        cancellation.throwIfCancelled();
        const exchange = this.open(url, addresses, fresh, request, cancelTimer);
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

  private open<S extends FetchSink>(
    url: URL,
    addresses: readonly HostAddress[],
    fresh: boolean,
    request: FetchRequest<S>,
    onHeaders: () => void,
  ): OriginExchange<S> {
    const connection = this.pool.take(url.origin, addresses, fresh);
    return new OriginExchange<S>({
      connection,
      path: url.pathname + url.search,
      headers: requestHeaders(request),
      maxBytes: request.maxBytes,
      memoryThresholdBytes: request.memoryThresholdBytes,
      openSink: request.openSink,
      idleTimeoutMs: this.settings.values.FETCH_IDLE_TIMEOUT_MS,
      clock: this.clock,
      onHeaders,
      releaseConnection: () => this.pool.release(connection),
      dropConnection: () => this.pool.drop(connection),
    });
  }

  private count(error: unknown): void {
    const code = isPlimsollError(error) ? error.code : isAbort(error) ? 'aborted' : 'sink-error';
    this.failedByCode[code] = (this.failedByCode[code] ?? 0) + 1;
  }
}

const shuttingDown = (): PlimsollError =>
  new PlimsollError('shutting-down', 'The server is shutting down.', { retryAfterSeconds: 5 });
