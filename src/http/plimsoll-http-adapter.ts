import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Clock } from '../clock/index.js';
import { ConnectionDrain } from './connection-drain.js';
import { createLimitedServer } from './server-limits.js';

/** Sees every request before Express; returns `true` when it has answered. */
export type FrontDoor = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface AdapterOptions {
  readonly clock: Clock;
  /** How many proxies in front are trusted to name the client. */
  readonly trustedProxies: number;
  readonly shutdownTimeoutMs: number;
}

/**
 * Express behind a front door: the server asks `front` first, and closing the application drains its
 * connections before any room is taken down.
 */
export class PlimsollHttpAdapter extends ExpressAdapter {
  private front: FrontDoor = () => false;
  private beforeDrain: () => void = () => undefined;
  private connections: ConnectionDrain | undefined;
  private readonly limits: AdapterOptions;

  constructor(options: AdapterOptions) {
    super();
    this.limits = options;
    this.disable('x-powered-by');
    this.disable('etag');
    this.set('query parser', 'simple');
    this.set('trust proxy', options.trustedProxies);
  }

  /** `beforeDrain` runs first when the application closes, while it still answers. */
  setFront(front: FrontDoor, beforeDrain: () => void): void {
    this.front = front;
    this.beforeDrain = beforeDrain;
  }

  /** @throws Error before the application was created. */
  get drain(): ConnectionDrain {
    if (this.connections === undefined) throw new Error('The HTTP server does not exist yet.');
    return this.connections;
  }

  override initHttpServer(): void {
    const application = this.getInstance() as (request: IncomingMessage, response: ServerResponse) => void;
    const server: Server = createLimitedServer((request, response) => {
      if (!this.front(request, response)) application(request, response);
    });
    this.httpServer = server;
    this.connections = new ConnectionDrain(server, this.limits.clock);
  }

  /** Awaited by the application before the first shutdown hook of a room. */
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    this.beforeDrain();
    await this.drain.drain(this.limits.shutdownTimeoutMs);
  }
}
