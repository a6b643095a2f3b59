import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Clock } from '../clock/index.js';

/** How often idle connections are looked for while draining, ms (chosen: a drain ends at most this late). */
const SWEEP_INTERVAL_MS = 50;

/**
 * Ends a server gently: stops listening, lets running requests finish, closes connections as they fall idle.
 * `server.close()` alone would cut answers whose last byte still waits for a slow reader: it takes a connection
 * for idle as soon as `end()` was called.
 */
export class ConnectionDrain {
  private readonly sockets = new Set<Socket>();
  private readonly running = new Map<ServerResponse, Socket | null>();

  constructor(
    private readonly server: Server,
    private readonly clock: Clock,
  ) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Requests that are being answered now. */
  get runningCount(): number {
    return this.running.size;
  }

  get connectionCount(): number {
    return this.sockets.size;
  }

  started(response: ServerResponse): void {
    this.running.set(response, response.socket);
  }

  ended(response: ServerResponse): void {
    this.running.delete(response);
  }

  /** Resolves when no connection is left; after `timeoutMs` what still runs is cut. Returns how many were cut. */
  async drain(timeoutMs: number): Promise<number> {
    // Not `Server.close` of node:http: see above.
    if (this.server.listening) NetServer.prototype.close.call(this.server);
    for (const response of this.running.keys()) if (!response.headersSent) response.shouldKeepAlive = false;

    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    this.closeIdle();
    while (this.sockets.size > 0 && this.clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => this.clock.after(SWEEP_INTERVAL_MS, resolve));
      this.closeIdle();
    }
    const cut = this.running.size;
    for (const socket of this.sockets) socket.destroy();
    return cut;
  }

  private closeIdle(): void {
    const busy = new Set(this.running.values());
    for (const socket of this.sockets) {
      if (!busy.has(socket) && socket.writableLength === 0) socket.destroy();
    }
  }
}
