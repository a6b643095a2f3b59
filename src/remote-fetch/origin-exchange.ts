import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Cancel, Clock } from '../clock/index.js';
import { PlimsollError } from '../errors/index.js';
import { BodyReceiver, type Flow, type ReceivedBody } from './body-receiver.js';
import type { Connection } from './connection.js';
import { ContentDecoder, parseContentCoding, type ContentCoding } from './content-decoder.js';
import type { FetchSink } from './fetch-types.js';
import { connectionFault, sourceTooLarge } from './origin-faults.js';

/** An answer without a use for its body is read to the end, to keep the connection, only when it is this short and comes this fast. */
const DRAIN_BYTES = 16 * 1024;
const DRAIN_MS = 250;

/** Encoded bytes over the cap that are taken before the decoded ones decide: framing that decodes to nothing must end too. */
const ENCODED_SLACK_BYTES = 64 * 1024;

/** The idle connection turned out to be closed before any answer came: the request may be sent again on a new one. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

export interface OriginAnswer<S extends FetchSink> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Present when the status carries a body that was asked for (2xx). */
  readonly body?: ReceivedBody<S>;
}

export interface ExchangeOptions<S extends FetchSink> {
  readonly connection: Connection;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly maxBytes: number;
  readonly memoryThresholdBytes: number;
  readonly openSink: () => Promise<S>;
  /** Longest silence inside the body, ms; time in which we hold the origin back does not count. */
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  /** The status and headers are there. */
  readonly onHeaders: () => void;
  /** The answer was read to its end: the connection may serve again. */
  readonly releaseConnection: () => void;
  readonly dropConnection: () => void;
}

/**
 * One request and its answer on one connection. Chunks go from undici's parser straight into the receiver: no
 * stream lies between, a small body is copied once, into its final buffer.
 */
export class OriginExchange<S extends FetchSink> implements Dispatcher.DispatchHandler {
  private readonly answer: Promise<OriginAnswer<S>>;
  private resolve!: (answer: OriginAnswer<S> | Promise<never>) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private receiver: BodyReceiver<S> | undefined;
  private decoder: ContentDecoder | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private encodedBytes = 0;
  private lastActivityMs = 0;
  private cancelTimer: Cancel | undefined;
  /** The connection was given back or dropped: it is not ours any more. */
  private detached = false;
  private settled = false;

  constructor(private readonly options: ExchangeOptions<S>) {
    this.answer = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** Sends the request. Rejects with a typed fault, with what a sink threw, or with {@link StaleConnectionError}. */
  run(): Promise<OriginAnswer<S>> {
    const { connection, path, headers } = this.options;
    connection.dispatch({ path, method: 'GET', headers }, this);
    return this.answer;
  }

  /** Ends the exchange with this error; the sink is discarded before the promise of {@link run} rejects. */
  fail(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.cancelTimer?.();
    this.dropConnection(error);
    this.decoder?.destroy();
    this.resolve(this.rejectWhenClean(error));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Cancelled while it waited for the connection.
    if (this.settled) controller.abort(new Error('The exchange is over.'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.settled || status < 200) return;
    this.controller = controller;
    this.status = status;
    this.headers = headers;
    this.options.onHeaders();
    if (this.settled) return;
    if (status < 300 && status !== 206) this.startBody();
    else this.startDrain();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.settled || this.receiver === undefined) return;
    this.lastActivityMs = this.options.clock.monotonicMs();
    if (this.decoder === undefined) {
      this.receiver.push(chunk);
      return;
    }
    this.encodedBytes += chunk.length;
    if (this.encodedBytes > this.options.maxBytes + ENCODED_SLACK_BYTES) {
      this.fail(sourceTooLarge(this.options.maxBytes));
    } else {
      this.decoder.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.settled) return;
    this.cancelTimer?.();
    this.detached = true;
    this.options.releaseConnection();
    if (this.receiver === undefined) this.settle();
    else (this.decoder ?? this.receiver).end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.settled) return;
    const { connection } = this.options;
    const answered = this.status !== 0;
    if (!answered && connection.uses > 0)
      this.fail(new StaleConnectionError('closed while idle', { cause: error }));
    // Without a use for the body, a break in it changes nothing.
    else if (answered && this.receiver === undefined) this.settleWithoutRest();
    else this.fail(connectionFault(error, this.controller !== undefined));
  }

  private startBody(): void {
    const { maxBytes, memoryThresholdBytes, openSink } = this.options;
    let coding: ContentCoding | undefined;
    try {
      coding = parseContentCoding(single(this.headers['content-encoding']));
    } catch (error) {
      this.fail(error);
      return;
    }
    const receiver = new BodyReceiver<S>({
      maxBytes,
      memoryThresholdBytes,
      openSink,
      expectedBytes: coding === undefined ? contentLength(this.headers) : undefined,
      flow: {
        pause: () => (this.decoder ?? this.connectionFlow).pause(),
        resume: () => (this.decoder ?? this.connectionFlow).resume(),
      },
      onComplete: (body) => this.settle(body),
      onFault: (error) => this.fail(error),
    });
    this.receiver = receiver;
    if (coding !== undefined) {
      this.decoder = new ContentDecoder(coding, this.connectionFlow, {
        push: (chunk) => receiver.push(chunk),
        end: () => receiver.end(),
        fault: (error) => this.fail(error),
      });
    }
    this.lastActivityMs = this.options.clock.monotonicMs();
    this.watchIdle(this.options.idleTimeoutMs);
    receiver.start();
  }

  private startDrain(): void {
    const length = this.status === 304 ? 0 : contentLength(this.headers);
    if (length === undefined || length > DRAIN_BYTES) this.settleWithoutRest();
    else this.cancelTimer = this.options.clock.after(DRAIN_MS, () => this.settleWithoutRest());
  }

  private readonly connectionFlow: Flow = {
    pause: () => this.controller?.pause(),
    resume: () => {
      this.lastActivityMs = this.options.clock.monotonicMs();
      this.controller?.resume();
    },
  };

  /** One timer, moved on by what arrived meanwhile: a chunk costs no timer. */
  private watchIdle(inMs: number): void {
    const { clock, idleTimeoutMs } = this.options;
    this.cancelTimer = clock.after(inMs, () => {
      const silentMs = clock.monotonicMs() - this.lastActivityMs;
      if (this.controller?.paused === true) this.watchIdle(idleTimeoutMs);
      else if (silentMs < idleTimeoutMs) this.watchIdle(idleTimeoutMs - silentMs);
      else {
        this.fail(
          new PlimsollError('origin-timeout', `The origin sent nothing for ${idleTimeoutMs} ms.`, {
            details: { timeoutMs: idleTimeoutMs },
          }),
        );
      }
    });
  }

  private async rejectWhenClean(error: unknown): Promise<never> {
    await this.receiver?.discard();
    throw error;
  }

  private settleWithoutRest(): void {
    this.dropConnection(new Error('The rest of the answer is not needed.'));
    this.settle();
  }

  private settle(body?: ReceivedBody<S>): void {
    if (this.settled) return;
    this.settled = true;
    this.cancelTimer?.();
    const { status, headers } = this;
    this.resolve(body === undefined ? { status, headers } : { status, headers, body });
  }

  private dropConnection(reason: unknown): void {
    if (this.detached) return;
    this.detached = true;
    this.controller?.abort(reason instanceof Error ? reason : new Error('The exchange is over.'));
    this.options.dropConnection();
  }
}

/** Announced length; `undefined` without one that can be read. */
function contentLength(headers: IncomingHttpHeaders): number | undefined {
  const value = single(headers['content-length']);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** The first value of a header, also where an origin repeats one that may come only once. */
export function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value[0];
}
