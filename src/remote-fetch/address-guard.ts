import { isIP } from 'node:net';
import { PlimsollError, isPlimsollError } from '../errors/index.js';
import type { AllowedHosts } from './allowed-hosts.js';
import type { HostAddress, HostResolver } from './host-resolver.js';
import { isPublicAddress } from './public-address.js';
import { bareHost, effectivePort } from './source-url.js';

/**
 * Decides whether a URL may be fetched, and which addresses a connection to it may use. Every hop of a fetch
 * passes it: the first URL and each redirect.
 */
export class AddressGuard {
  private readonly own: { readonly host: string; readonly port: number } | undefined;

  constructor(
    private readonly allowed: AllowedHosts,
    private readonly resolver: HostResolver,
    publicUrl: string | undefined,
  ) {
    const own = publicUrl === undefined ? undefined : new URL(publicUrl);
    this.own = own && { host: bareHost(own), port: effectivePort(own) };
  }

  /**
   * What can be refused without the DNS: this server itself, a port that no rule opens, an address as host.
   *
   * @throws PlimsollError `url-not-allowed`.
   */
  checkUrl(url: URL): void {
    const host = bareHost(url);
    const port = effectivePort(url);
    if (this.isOwn(host, port)) {
      throw new PlimsollError('url-not-allowed', 'The source URL leads to this server itself.');
    }
    if (port !== 80 && port !== 443 && !this.allowed.allowsPort(port)) throw refusedPort(port);
    if (isIP(host) !== 0) this.checkAddress(host, host, port);
  }

  /**
   * Resolves the host once and checks every address; one that is refused refuses the name.
   *
   * @returns the addresses to which the connection must be pinned; at least one.
   * @throws PlimsollError `url-not-allowed`, or `origin-unreachable` when the name does not resolve.
   */
  async pin(url: URL): Promise<readonly HostAddress[]> {
    const host = bareHost(url);
    const port = effectivePort(url);
    const family = isIP(host);
    if (family !== 0) {
      this.checkAddress(host, host, port);
      return [{ address: host, family: family === 6 ? 6 : 4 }];
    }
    const addresses = await this.resolve(host);
    if (addresses.length === 0) throw unresolved(host);
    if (!this.allowed.allowsName(host, port)) {
      for (const { address } of addresses) this.checkAddress(address, host, port);
    }
    return addresses;
  }

  private async resolve(host: string): Promise<readonly HostAddress[]> {
    try {
      return await this.resolver.resolve(host);
    } catch (error) {
      throw isPlimsollError(error) ? error : unresolved(host, error);
    }
  }

  private checkAddress(address: string, host: string, port: number): void {
    if (this.allowed.allowsAddress(address, port)) return;
    if (!isPublicAddress(address)) {
      // Which address it was stays in the log: the answer would map the inner network otherwise.
      throw new PlimsollError(
        'url-not-allowed',
        'The source URL leads to an address that is not public; only FETCH_ALLOWED_HOSTS opens one.',
        { logMessage: `host ${host} has the refused address ${address}` },
      );
    }
    if (port !== 80 && port !== 443) throw refusedPort(port);
  }

  private isOwn(host: string, port: number): boolean {
    if (this.own === undefined || this.own.host !== host) return false;
    // One of 80 and 443 usually redirects to the other.
    return this.own.port === port || (isDefault(this.own.port) && isDefault(port));
  }
}

const isDefault = (port: number): boolean => port === 80 || port === 443;

const refusedPort = (port: number): PlimsollError =>
  new PlimsollError(
    'url-not-allowed',
    `The source URL must use port 80 or 443, got ${port}; only FETCH_ALLOWED_HOSTS opens another.`,
  );

const unresolved = (host: string, cause?: unknown): PlimsollError =>
  new PlimsollError('origin-unreachable', 'The host name of the source does not resolve.', {
    cause,
    logMessage: `host ${host} does not resolve`,
  });
