import { isIP } from "node:net";

/** Names that Fastify knows networks by: 127.0.0.0/8 and ::1, link-local ones, and private ones (10.0.0.0/8, fc00::/7, …). */
const NAMED_NETWORKS = new Set(["loopback", "linklocal", "uniquelocal"]);

/**
 * Whether the text names proxies: an address, a network such as 10.0.0.0/8, or one of Fastify's names. What they say of
 * where a request is from is believed, so "everybody" (/0) is none, and neither is a number of hops: it would believe
 * whoever connects past the proxy.
 */
export function isProxyRange(text: string): boolean {
  if (NAMED_NETWORKS.has(text)) return true;
  const [, address, prefix] = /^([\d.:a-f]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const family = isIP(address ?? "");
  if (family === 0) return false;
  const bits = prefix === undefined ? 1 : Number(prefix);
  return bits >= 1 && bits <= (family === 4 ? 32 : 128);
}
