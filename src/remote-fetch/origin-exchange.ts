import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Cancel, Clock } from '../clock/index.js';
import { PlimsollError } from '../errors/index.js';
import type { BodyTarget, Flow, OpenBody } from './body-target.js';
import type { Connection } from './connection.js';
import {
  ContentDecoder,
  parseContentCoding,
  type ContentCoding,
  type DecoderTarget,
} from './content-decoder.js';
import { contentLength, single } from './header-values.js';
import { connectionFault } from './origin-faults.js';

/** An answer without a use for its body is read to the end, to keep the connection, only when it is this short and comes this fast. */
const DRAIN_BYTES = 16 * 1024;
const DRAIN_MS = 250;

/** Encoded bytes over the cap that are taken before the decoded ones decide: framing that decodes to nothing must end too. */
const ENCODED_SLACK_BYTES = 64 * 1024;

/** The idle connection turned out to be closed before any answer came: the request may be sent again on a new one. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

export interface OriginAnswer<B> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Present when the status carries a body that was asked for (2xx) and was not declined. */
  readonly body?: B;
}

export interface ExchangeOptions<B> {
  readonly connection: Connection;
  readonly path: string;
  readonly headers: Record<string, string>;
  /** Cap on the decoded body, bytes; the target holds it, the exchange bounds the encoded bytes by it. */
  readonly maxBytes: number;
  readonly openBody: OpenBody<B>;
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
 * One request and its answer on one connection. Chunks go from undici's parser straight into the target of
 * the body: no stream lies between, a small body is copied once, into its final buffer.
 */
export class OriginExchange<B> implements Dispatcher.DispatchHandler {
  private readonly answer: Promise<OriginAnswer<B>>;
  private resolve!: (answer: OriginAnswer<B> | Promise<never>) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private target: BodyTarget | undefined;
  private decoder: ContentDecoder | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private encodedBytes = 0;
  private lastActivityMs = 0;
  private cancelTimer: Cancel | undefined;
  /** The connection was given back or dropped: it is not ours any more. */
  private detached = false;
  private settled = false;

  constructor(private readonly options: ExchangeOptions<B>) {
    this.answer = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** Sends the request. Rejects with a typed fault, with what a sink threw, or with {@link StaleConnectionError}. */
  run(): Promise<OriginAnswer<B>> {
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
    if (this.settled || this.target === undefined) return;
    this.lastActivityMs = this.options.clock.monotonicMs();
    if (this.decoder === undefined) {
      this.target.push(chunk);
      return;
    }
    this.encodedBytes += chunk.length;
    if (this.encodedBytes > this.options.maxBytes + ENCODED_SLACK_BYTES) {
      this.target.overflow();
    } else {
      this.decoder.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.settled) return;
    this.cancelTimer?.();
    this.detached = true;
    this.options.releaseConnection();
    if (this.target === undefined) this.settle();
    else (this.decoder ?? this.target).end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.settled) return;
    const { connection } = this.options;
    const answered = this.status !== 0;
    if (!answered && connection.uses > 0)
      this.fail(new StaleConnectionError('closed while idle', { cause: error }));
    // Without a use for the body, a break in it changes nothing.
    else if (answered && this.target === undefined) this.settle();
    else this.fail(connectionFault(error, this.controller !== undefined));
  }

  private startBody(): void {
    const { status, headers } = this;
    let target: BodyTarget | undefined;
    let coding: ContentCoding | undefined;
    try {
      coding = parseContentCoding(single(headers['content-encoding']));
      target = this.options.openBody({
        status,
        headers,
        expectedBytes: coding === undefined ? contentLength(headers) : undefined,
        flow: {
          pause: () => (this.decoder ?? this.connectionFlow).pause(),
          resume: () => (this.decoder ?? this.connectionFlow).resume(),
        },
        onComplete: (body) => this.settle(body),
        onFault: (error) => this.fail(error),
      });
    } catch (error) {
      this.fail(error);
      return;
    }
    if (target === undefined) {
      this.startDrain();
      return;
    }
    this.target = target;
    if (coding !== undefined)
      this.decoder = new ContentDecoder(coding, this.connectionFlow, this.decoded(target));
    this.lastActivityMs = this.options.clock.monotonicMs();
    this.watchIdle(this.options.idleTimeoutMs);
    target.start();
  }

  private decoded(target: BodyTarget): DecoderTarget {
    return {
      push: (chunk) => target.push(chunk),
      end: () => target.end(),
      fault: (error) => this.fail(error),
    };
  }

  private startDrain(): void {
    const length = this.status === 304 ? 0 : contentLength(this.headers);
    if (length === undefined || length > DRAIN_BYTES) this.settle();
    else this.cancelTimer = this.options.clock.after(DRAIN_MS, () => this.settle());
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
    await this.target?.discard();
    throw error;
  }

  /** A target may have enough before the origin is done: what is left is not waited for. */
  private settle(body?: B): void {
    if (this.settled) return;
    this.settled = true;
    this.cancelTimer?.();
    this.dropConnection(new Error('The rest of the answer is not needed.'));
    this.decoder?.destroy();
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
