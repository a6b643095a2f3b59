import {
  connect as connectTcp,
  isIP,
  type LookupFunction,
  type Socket,
  type TcpNetConnectOpts,
} from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Client, type Dispatcher, type buildConnector } from 'undici';
import type { HostAddress } from './host-resolver.js';

/** Bound for the headers of an answer, bytes (Node's own default). */
const MAX_HEADER_BYTES = 16 * 1024;

/** How long an idle connection is kept, ms, unless the origin says less (chosen: a page's worth of images). */
const KEEP_ALIVE_MS = 10_000;

/** A TLS session to resume, shared by the connections to one origin. */
export interface TlsSession {
  current?: Buffer;
}

/**
 * One HTTP/1.1 connection to an origin, pinned to addresses that were checked: no name is resolved here, neither
 * for the first connection nor when the client reconnects. Host header and TLS server name stay the origin's.
 * undici's own timers are off; deadlines belong to the exchange.
 */
export class Connection {
  /** Requests sent on it before the present one. */
  uses = 0;
  private readonly client: Client;
  private socket: Socket | undefined;
  private open = false;

  constructor(
    origin: string,
    private readonly addresses: readonly HostAddress[],
    private readonly session: TlsSession,
    private readonly onDisconnect: (connection: Connection) => void,
  ) {
    this.client = new Client(origin, {
      connect: (options, callback) => this.connect(options, callback),
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      pipelining: 1,
    });
    this.client.on('connect', () => {
      this.open = true;
    });
    this.client.on('disconnect', () => {
      this.open = false;
      this.onDisconnect(this);
    });
  }

  /** Whether there is an open socket. */
  get isOpen(): boolean {
    return this.open && !this.client.destroyed;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.client.dispatch(options, handler);
  }

  /** Tears the socket down, a connection attempt included. Idempotent; resolves when it is closed, never rejects. */
  async destroy(): Promise<void> {
    this.socket?.destroy();
    if (!this.client.destroyed) await this.client.destroy().catch(() => undefined);
  }

  private connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const isTls = options.protocol === 'https:';
    const target = {
      host: options.hostname,
      port: Number(options.port || (isTls ? 443 : 80)),
      lookup: this.lookup,
      autoSelectFamily: true,
    };
    const socket = isTls
      ? connectTls({ ...target, ...this.tlsOptions(options.hostname) })
      : connectTcp(this.tcpOptions(target));
    this.socket = socket;
    let pending = true;
    socket.setNoDelay(true);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      pending = false;
      callback(null, socket);
    });
    // Stays on: the socket may fail again while it is torn down.
    socket.on('error', (error) => {
      if (pending) callback(error, null);
      pending = false;
    });
    // A socket that is destroyed while it connects closes without an error.
    socket.once('close', () => {
      if (pending) callback(new Error('The connection was closed before it was open.'), null);
      pending = false;
    });
    if (isTls) {
      socket.on('session', (session: Buffer) => {
        this.session.current = session;
      });
    }
  }

  /** Node's own 16 KiB would stop and start the socket at every read of 64 KiB. */
  private tcpOptions(target: TcpNetConnectOpts): TcpNetConnectOpts & { highWaterMark: number } {
    return { ...target, highWaterMark: 64 * 1024 };
  }

  private tlsOptions(hostname: string): { servername?: string; session?: Buffer; ALPNProtocols: string[] } {
    return {
      ALPNProtocols: ['http/1.1'],
      ...(isIP(hostname) === 0 && { servername: hostname.replace(/\.$/, '') }),
      ...(this.session.current !== undefined && { session: this.session.current }),
    };
  }

  /** Answers from the pinned addresses, in the resolver's order. */
  private readonly lookup: LookupFunction = (_hostname, options, callback) => {
    const [first] = this.addresses;
    if (first === undefined) callback(new Error('A connection needs an address.'), '', 4);
    else if (options.all === true) callback(null, [...this.addresses]);
    else callback(null, first.address, first.family);
  };
}
