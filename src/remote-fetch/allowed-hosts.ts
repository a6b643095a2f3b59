import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SettingsError } from '../config/index.js';
import { unwrapAddress } from './public-address.js';
import { parseUrl } from '../url/index.js';

type Rule =
  | { readonly kind: 'host' | 'domain'; readonly name: string; readonly port: number | undefined }
  | {
      readonly kind: 'range';
      readonly range: readonly [ipaddr.IPv4 | ipaddr.IPv6, number];
      readonly port: number | undefined;
    };

/**
 * `FETCH_ALLOWED_HOSTS`: the only way to an address that is not public, or to a port other than 80 and 443.
 *
 * | entry | allows |
 * |---|---|
 * | `host`, `host:port` | exactly this name, wherever it points |
 * | `*.domain`, `*.domain:port` | names below `domain`, not `domain` itself |
 * | address, `address:port`, `[v6]:port` | this address, whatever name leads to it |
 * | CIDR range | each address of the range |
 *
 * An entry without a port allows 80 and 443, one with a port allows that port alone.
 */
export class AllowedHosts {
  private readonly rules: readonly Rule[];

  /** @throws SettingsError for an entry that is none of the above. */
  constructor(entries: readonly string[]) {
    this.rules = entries.map(parseRule);
  }

  /** Whether any entry could allow this port; when none can, the name need not be resolved. */
  allowsPort(port: number): boolean {
    return this.rules.some((rule) => matchesPort(rule, port));
  }

  /** Whether the name itself is allowed at this port; lower case, no trailing dot. */
  allowsName(name: string, port: number): boolean {
    return this.rules.some(
      (rule) =>
        matchesPort(rule, port) &&
        ((rule.kind === 'host' && rule.name === name) ||
          (rule.kind === 'domain' && name.endsWith(rule.name))),
    );
  }

  /** Whether the address is allowed at this port, as written or as the IPv4 address that it wraps. */
  allowsAddress(text: string, port: number): boolean {
    if (isIP(text) === 0) return false;
    const forms = [ipaddr.parse(text), unwrapAddress(text)];
    return this.rules.some(
      (rule) =>
        rule.kind === 'range' &&
        matchesPort(rule, port) &&
        forms.some((form) => form?.kind() === rule.range[0].kind() && form.match(...rule.range)),
    );
  }
}

const isDefaultPort = (port: number): boolean => port === 80 || port === 443;

const matchesPort = (rule: Rule, port: number): boolean =>
  rule.port === undefined ? isDefaultPort(port) : rule.port === port;

function parseRule(entry: string): Rule {
  const rule = parseRange(entry) ?? parseName(entry);
  if (rule === undefined) {
    throw new SettingsError([
      `FETCH_ALLOWED_HOSTS must hold only host, host:port, *.domain, address or CIDR range, got "${entry}"`,
    ]);
  }
  return rule;
}

function parseRange(entry: string): Rule | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(entry);
  const dotted = /^(\d+\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(entry);
  const [, address = entry, digits] = bracketed ?? dotted ?? [];
  const port = parsePort(digits);
  if (port === null) return undefined;
  if (ipaddr.isValidCIDR(address)) return { kind: 'range', range: ipaddr.parseCIDR(address), port };
  if (isIP(address) === 0) return undefined;
  const parsed = ipaddr.parse(address);
  return { kind: 'range', range: [parsed, parsed.kind() === 'ipv4' ? 32 : 128], port };
}

function parseName(entry: string): Rule | undefined {
  const match = /^(\*\.)?([\w-]+(?:\.[\w-]+)*)\.?(?::(\d{1,5}))?$/i.exec(entry);
  const name = match?.[2] === undefined ? undefined : parseUrl(`http://${match[2]}/`)?.hostname;
  if (match === null || name === undefined) return undefined;
  const port = parsePort(match[3]);
  if (port === null || isIP(name) !== 0) return undefined;
  return match[1] === undefined ? { kind: 'host', name, port } : { kind: 'domain', name: `.${name}`, port };
}

/** `undefined` without digits, `null` out of range. */
function parsePort(digits: string | undefined): number | undefined | null {
  if (digits === undefined) return undefined;
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? port : null;
}
