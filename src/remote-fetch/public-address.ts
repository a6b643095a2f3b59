import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Global unicast (RFC 4291 section 2.4): nothing outside it is routed on the public internet. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** The well-known NAT64 prefix (RFC 6052); behind it lies an IPv4 address that a translator reaches. */
const NAT64_WELL_KNOWN = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * The address as it will be reached: an IPv4 address that is only wrapped in IPv6 (`::ffff:0:0/96`, RFC 4291;
 * `64:ff9b::/96`, RFC 6052) is unwrapped. `undefined` when the text is no address.
 */
export function unwrapAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // net.isIP first: ipaddr.js also reads "1", "0x7f.1" and the like.
  if (isIP(text) === 0) return undefined;
  const address = ipaddr.parse(text);
  if (address.kind() === 'ipv4') return address;
  const v6 = address as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) return v6.toIPv4Address();
  return v6.match(NAT64_WELL_KNOWN) ? new ipaddr.IPv4(v6.toByteArray().slice(12)) : v6;
}

/**
 * Whether an address lies on the public internet. Fails closed: what cannot be parsed, carries a zone, or
 * belongs to any special-purpose range (loopback, private, link-local, carrier-grade NAT, benchmarking,
 * documentation, multicast, reserved, 6to4, Teredo, local NAT64 `64:ff9b:1::/48`, ISATAP, …) is not public.
 */
export function isPublicAddress(text: string): boolean {
  const address = unwrapAddress(text);
  if (address === undefined || address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv4') return true;
  const v6 = address as ipaddr.IPv6;
  if (v6.zoneId !== undefined || !v6.match(GLOBAL_UNICAST_V6)) return false;
  return !isIsatap(v6);
}

/** ISATAP (RFC 5214): the interface identifier is 0000:5efe or 0200:5efe, then an IPv4 address of a site. */
function isIsatap(address: ipaddr.IPv6): boolean {
  const [high, low] = address.parts.slice(4, 6);
  return low === 0x5efe && (high === 0 || high === 0x0200);
}
