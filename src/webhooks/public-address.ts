import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The part of IPv6 that is in use on the public internet (RFC 4291, 2.4). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address belongs to the public internet. Not public are loopback, private, link-local, carrier-grade NAT,
 * multicast and reserved addresses, and every IPv6 address that contains an IPv4 one (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(text: string): boolean {
  // The library also accepts incomplete addresses such as 10.1.
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}
