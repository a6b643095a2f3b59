import { Connection, type TlsSession } from './connection.js';
import type { HostAddress } from './host-resolver.js';

/** Most idle connections kept, all origins together (chosen: four times the default of FETCH_CONCURRENCY). */
const MAX_IDLE = 32;

/** Most origins whose TLS session is remembered; one takes a few KiB. */
const MAX_SESSIONS = 64;

interface Lane {
  readonly key: string;
  readonly connection: Connection;
}

/**
 * Keeps idle connections for reuse. A connection is found again only by its origin together with the very
 * addresses that were checked for the present request.
 */
export class ConnectionPool {
  private readonly lanes = new Map<Connection, Lane>();
  /** Oldest first. */
  private readonly idle = new Set<Lane>();
  private readonly sessions = new Map<string, TlsSession>();
  private readonly closing = new Set<Promise<void>>();

  /** Connections that exist, idle ones included. */
  get openCount(): number {
    return this.lanes.size;
  }

  get idleCount(): number {
    return this.idle.size;
  }

  /** An idle connection, the one used last, or a new one. Whoever takes it releases or drops it. */
  take(origin: string, addresses: readonly HostAddress[], fresh: boolean): Connection {
    const key = `${origin} ${addresses
      .map(({ address }) => address)
      .sort()
      .join(' ')}`;
    if (!fresh) {
      const lane = [...this.idle].findLast((candidate) => candidate.key === key);
      if (lane !== undefined) {
        this.idle.delete(lane);
        lane.connection.uses += 1;
        return lane.connection;
      }
    }
    const connection = new Connection(origin, addresses, this.sessionOf(key), (gone) =>
      this.onDisconnect(gone),
    );
    this.lanes.set(connection, { key, connection });
    return connection;
  }

  /** Gives a connection back whose answer was read to the end. */
  release(connection: Connection): void {
    const lane = this.lanes.get(connection);
    if (lane === undefined) return;
    if (!connection.isOpen) {
      this.drop(connection);
      return;
    }
    this.idle.add(lane);
    if (this.idle.size > MAX_IDLE) {
      const [oldest] = this.idle;
      if (oldest !== undefined) this.drop(oldest.connection);
    }
  }

  /** Closes a connection that may not be used again. Calling it twice is harmless. */
  drop(connection: Connection): void {
    const lane = this.lanes.get(connection);
    if (lane === undefined) return;
    this.idle.delete(lane);
    this.lanes.delete(connection);
    const closing = connection.destroy().finally(() => this.closing.delete(closing));
    this.closing.add(closing);
  }

  /** Closes every connection; resolves when their sockets are closed. */
  async closeAll(): Promise<void> {
    for (const connection of [...this.lanes.keys()]) this.drop(connection);
    this.sessions.clear();
    await Promise.all(this.closing);
  }

  private onDisconnect(connection: Connection): void {
    const lane = this.lanes.get(connection);
    if (lane !== undefined && this.idle.has(lane)) this.drop(connection);
  }

  private sessionOf(key: string): TlsSession {
    const session = this.sessions.get(key) ?? {};
    this.sessions.delete(key);
    this.sessions.set(key, session);
    if (this.sessions.size > MAX_SESSIONS) {
      const [oldest] = this.sessions.keys();
      if (oldest !== undefined) this.sessions.delete(oldest);
    }
    return session;
  }
}
