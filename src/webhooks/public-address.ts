import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** All of IPv6 that is given out for the public internet so far (RFC 4291, 2.4). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address is one of the public internet. Everything else is not: loopback, private, link-local, carrier-grade
 * NAT, multicast, reserved, and IPv6 that holds an IPv4 address (mapped, NAT64, 6to4, Teredo), whichever that is.
 */
export function isPublicAddress(text: string): boolean {
  // The library also reads what is no whole address, such as 10.1.
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}
