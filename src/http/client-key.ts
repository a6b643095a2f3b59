import ipaddr from 'ipaddr.js';

/** A household or a server gets a whole /64: by single addresses a limit would not bind at all. */
const IPV6_GROUPS = 4;

/**
 * Who is charged, from a client's address: IPv4 as it is (mapped forms included), IPv6 by its /64. What is no
 * address is cut to a bounded text.
 */
export function clientKey(address: string): string {
  if (!ipaddr.isValid(address)) return address.slice(0, 64);
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return `${(parsed as ipaddr.IPv6).parts
    .slice(0, IPV6_GROUPS)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
