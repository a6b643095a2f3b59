import { Injectable } from '@nestjs/common';
import { lookup } from 'node:dns/promises';
import { PlimsollError } from '../errors/index.js';
import type { HostAddress, HostResolver } from './host-resolver.js';

/** A lookup cannot be cancelled and holds a thread of the pool: past this many, new names are refused (chosen). */
const MAX_PENDING_LOOKUPS = 64;

/** The system's resolver (`getaddrinfo`, hosts file included). Equal names asked at once share one lookup; nothing is kept. */
@Injectable()
export class SystemHostResolver implements HostResolver {
  private readonly pending = new Map<string, Promise<readonly HostAddress[]>>();

  resolve(hostname: string): Promise<readonly HostAddress[]> {
    const running = this.pending.get(hostname);
    if (running !== undefined) return running;
    if (this.pending.size >= MAX_PENDING_LOOKUPS) {
      return Promise.reject(
        new PlimsollError('server-busy', 'Too many host names are being resolved; try again later.', {
          retryAfterSeconds: 2,
        }),
      );
    }
    const started = this.lookup(hostname).finally(() => this.pending.delete(hostname));
    this.pending.set(hostname, started);
    return started;
  }

  private async lookup(hostname: string): Promise<readonly HostAddress[]> {
    const found = await lookup(hostname, { all: true, order: 'verbatim' });
    return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
  }
}
