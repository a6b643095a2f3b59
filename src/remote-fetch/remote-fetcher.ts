import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { AbortedError, PlimsollError, isAbort, isPlimsollError } from '../errors/index.js';
import { ByteAccounts, type ByteAccount } from '../process-memory/index.js';
import { AddressGuard } from './address-guard.js';
import { AllowedHosts } from './allowed-hosts.js';
import { BodyReader, type ReadBody } from './body-reader.js';
import { BodyReceiver, type ReceivedBody } from './body-receiver.js';
import type { BodyStart, BodyTarget } from './body-target.js';
import { Cancellation } from './cancellation.js';
import { ConnectionPool } from './connection-pool.js';
import { DownloadSlots } from './download-slots.js';
import { FAILURE_MEMORY_BYTES, FailureMemory } from './failure-memory.js';
import type {
  FetchOutcome,
  FetchRequest,
  FetchSink,
  FetchSnapshot,
  ReadOutcome,
  ReadRequest,
  SourceRequest,
} from './fetch-types.js';
import { HOST_RESOLVER, type HostResolver } from './host-resolver.js';
import { toHead, toOutcome, toReadOutcome } from './origin-answer.js';
import { atHost } from './origin-faults.js';
import { OriginHops, type Whereabouts } from './origin-hops.js';
import { parseUrl } from '../url/index.js';
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
  private readonly hops: OriginHops;
  private readonly running = new Set<Cancellation>();
  private readonly failedByCode: Record<string, number> = {};
  private completed = 0;
  private closed = false;

  constructor(
    @Inject(SETTINGS) settings: Settings,
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
    this.hops = new OriginHops({
      settings,
      clock,
      guard: this.guard,
      slots: this.slots,
      pool: this.pool,
    });
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
   *   origin's, remembered for NEGATIVE_CACHE_TTL_MS (a passed total deadline is not: it is the caller's). Where the
   *   origin answered, `details` hold its status as `originStatus`, and its `Retry-After` as `retryAfterMs`; `host`
   *   there is the one that failed, with its port, which after redirects is another than that of the URL.
   */
  fetch<S extends FetchSink>(request: FetchRequest<S>): Promise<FetchOutcome<S>> {
    return this.run(request, request.maxBytes, async (at, cancellation) => {
      const openBody = (start: BodyStart<ReceivedBody<S>>): BodyTarget =>
        new BodyReceiver<S>({ ...request, ...start });
      const { answer, url } = await this.hops.follow(at, request, openBody, cancellation);
      return toOutcome(answer, url, request);
    });
  }

  /**
   * Reads a source while it comes in and keeps none of it: under the same guard, limits and slots as {@link fetch}.
   * Reading ends without an error when the reader has enough or `maxBytes` were read; the socket is closed then.
   * What `onHead` or `onChunk` throws is passed on as it is.
   *
   * @throws AbortedError, PlimsollError as {@link fetch}, but never `source-too-large`
   */
  read(request: ReadRequest): Promise<ReadOutcome> {
    // A source that was too large to be fetched whole can still be read.
    return this.run(request, Infinity, async (at, cancellation) => {
      let declined = false;
      const openBody = (start: BodyStart<ReadBody>, url: URL): BodyTarget | undefined => {
        declined = request.onHead?.(toHead(start.status, start.headers, url)) === 'decline';
        return declined ? undefined : new BodyReader({ ...request, ...start });
      };
      const { answer, url } = await this.hops.follow(at, request, openBody, cancellation);
      return toReadOutcome(answer, url, request, declined);
    });
  }

  /** Drops what is remembered about failures of this URL, so that the next fetch asks the origin. */
  forget(url: string): void {
    const parsed = parseUrl(url);
    if (parsed === undefined) return;
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

  /** What fetching and reading share: the guard, the failures known already, the ways to end it, the counting. */
  private async run<T>(
    request: SourceRequest,
    maxBytes: number,
    work: (at: Whereabouts, cancellation: Cancellation) => Promise<T>,
  ): Promise<T> {
    let key: string | undefined;
    let at: Whereabouts | undefined;
    let cancellation: Cancellation | undefined;
    try {
      if (this.closed) throw shuttingDown();
      if (request.signal?.aborted === true) throw new AbortedError('The fetch was aborted by its caller.');
      const url = parseSourceUrl(request.url);
      this.guard.checkUrl(url);
      this.failures.throwIfKnown(url.href, maxBytes);
      key = url.href;
      at = { url };
      cancellation = new Cancellation(
        this.clock,
        request.queueTimeoutMs ?? request.timeoutMs,
        request.signal,
      );
      this.running.add(cancellation);
      const outcome = await work(at, cancellation);
      this.failures.forget(key);
      this.completed += 1;
      return outcome;
    } catch (error) {
      this.count(error);
      const told = at === undefined ? error : atHost(error, at.url);
      if (key !== undefined && cancellation?.isCausedBy(error) !== true) {
        this.failures.remember(key, told, maxBytes);
      }
      throw told;
    } finally {
      if (cancellation !== undefined) {
        cancellation.close();
        this.running.delete(cancellation);
      }
    }
  }

  private count(error: unknown): void {
    const code = isPlimsollError(error) ? error.code : isAbort(error) ? 'aborted' : 'sink-error';
    this.failedByCode[code] = (this.failedByCode[code] ?? 0) + 1;
  }
}

const shuttingDown = (): PlimsollError =>
  new PlimsollError('shutting-down', 'The server is shutting down.', { retryAfterSeconds: 5 });
