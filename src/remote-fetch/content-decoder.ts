import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { PlimsollError } from '../errors/index.js';
import type { Flow } from './body-target.js';

export type ContentCoding = 'gzip' | 'deflate' | 'br';

/** What is sent as `Accept-Encoding`. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br';

/** Bytes of one decoded chunk; the decoder stops there until they are taken. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads `Content-Encoding`; `undefined` stands for a body as it is.
 *
 * @throws PlimsollError `origin-error` for a coding that was not asked for, or several on top of each other.
 */
export function parseContentCoding(header: string | undefined): ContentCoding | undefined {
  const coding = header?.trim().toLowerCase() ?? '';
  switch (coding) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
    case 'br':
      return coding;
    default:
      throw new PlimsollError(
        'origin-error',
        `The origin used a content encoding other than ${ACCEPTED_CODINGS}.`,
      );
  }
}

export interface DecoderTarget {
  readonly push: (chunk: Buffer) => void;
  readonly end: () => void;
  readonly fault: (error: Error) => void;
}

/**
 * Decodes a body in bounded memory: the origin is paused while the decoder has enough, and the decoder while its
 * target has. The target counts the decoded bytes.
 */
export class ContentDecoder implements Flow {
  private stream: Transform | undefined;
  private pausedByTarget = false;
  private pausedUpstream = false;

  constructor(
    private readonly coding: ContentCoding,
    private readonly upstream: Flow,
    private readonly target: DecoderTarget,
  ) {}

  /** Whether the origin stands still because of us. */
  get isPaused(): boolean {
    return this.pausedUpstream;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.stream ??= this.open(chunk);
    if (!this.stream.write(chunk) && !this.pausedUpstream) {
      this.pausedUpstream = true;
      this.upstream.pause();
    }
  }

  end(): void {
    if (this.stream === undefined) this.target.end();
    else this.stream.end();
  }

  /** Stops the decoded bytes. */
  pause(): void {
    this.pausedByTarget = true;
    this.stream?.pause();
  }

  /** Lets the decoded bytes flow again. */
  resume(): void {
    this.pausedByTarget = false;
    this.stream?.resume();
  }

  destroy(): void {
    this.stream?.destroy();
  }

  private open(first: Buffer): Transform {
    const stream = this.create(first);
    stream.on('data', this.target.push);
    stream.on('end', this.target.end);
    stream.on('error', (cause) =>
      this.target.fault(
        new PlimsollError('origin-error', `The origin sent a body that is not valid ${this.coding}.`, {
          cause,
        }),
      ),
    );
    stream.on('drain', () => {
      if (!this.pausedUpstream) return;
      this.pausedUpstream = false;
      this.upstream.resume();
    });
    if (this.pausedByTarget) stream.pause();
    return stream;
  }

  private create(first: Buffer): Transform {
    if (this.coding === 'gzip') return createGunzip({ chunkSize: CHUNK_BYTES });
    if (this.coding === 'br') return createBrotliDecompress({ chunkSize: CHUNK_BYTES });
    // "deflate" means zlib (RFC 9110 section 8.4.1.2), but some servers send it raw: compression method 8 tells.
    const isZlib = ((first[0] ?? 0) & 0x0f) === 8;
    return isZlib ? createInflate({ chunkSize: CHUNK_BYTES }) : createInflateRaw({ chunkSize: CHUNK_BYTES });
  }
}
