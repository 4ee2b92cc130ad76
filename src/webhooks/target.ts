import { lookup, Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** Where webhooks may go. By default only to public addresses, over https. */
export interface TargetPolicy {
  /** Anywhere, and over plain HTTP. */
  readonly allowPrivate: boolean;
  /** Names or addresses, in lower case, with the same freedom. */
  readonly allowHosts: readonly string[];
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

/** Webhooks may never go to this address; the message completes "The address …". */
export class TargetRefused extends Error {
  override readonly name = "TargetRefused";
}

const MAX_CHARACTERS = 2048;

/** Parses an address and removes its fragment. Throws `TargetRefused`. */
export function readTarget(text: string, policy: TargetPolicy): URL {
  if (text.length > MAX_CHARACTERS) throw new TargetRefused(`must have at most ${MAX_CHARACTERS} characters`);
  if (!URL.canParse(text)) throw new TargetRefused("must be an absolute https address");
  const url = new URL(text);
  const host = hostOf(url);
  const isTrusted = trusts(host, policy);
  if (url.protocol !== "https:" && !(isTrusted && url.protocol === "http:")) {
    throw new TargetRefused("must be an https address");
  }
  if (url.username !== "" || url.password !== "") throw new TargetRefused("must not contain a user name or password");
  if (!isTrusted && (isThisMachine(host) || (isIP(host) !== 0 && !isPublicAddress(host))))
    throw new TargetRefused(NOT_PUBLIC);
  url.hash = "";
  return url;
}

const NOT_PUBLIC = "must be on the public internet";

/** Names that resolve to this machine everywhere (RFC 6761, 6.3) or through the usual hosts file. */
function isThisMachine(host: string): boolean {
  return /(^|\.)localhost$/.test(host) || ["ip6-localhost", "ip6-loopback", "localhost.localdomain"].includes(host);
}

/** More would take longer to try than an attempt may take. */
const MAX_ADDRESSES = 4;

/**
 * The addresses to try, at least one. All addresses of the name must be allowed: a single private one suggests an attack.
 * Throws `TargetRefused`, or the resolver's error.
 */
export async function resolveTarget(
  url: URL,
  policy: TargetPolicy,
  resolve?: Resolve,
): Promise<readonly ResolvedAddress[]> {
  const host = hostOf(url);
  const isTrusted = trusts(host, policy);
  const family = isIP(host);
  const addresses =
    family !== 0
      ? [{ address: host, family: family as 4 | 6 }]
      : await (resolve ?? (isTrusted ? resolveLocally : resolvePublicly))(host);
  if (!isTrusted && !addresses.every(({ address }) => isPublicAddress(address))) throw new TargetRefused(NOT_PUBLIC);
  // The message must not contain the host: no part of a webhook's address may be logged.
  if (addresses.length === 0)
    throw Object.assign(new Error("The name has no address."), { code: "ENODATA", syscall: "query" });
  return addresses.slice(0, MAX_ADDRESSES);
}

function trusts(host: string, { allowPrivate, allowHosts }: TargetPolicy): boolean {
  return allowPrivate || allowHosts.includes(host);
}

/** Without the brackets of an IPv6 address and the dot that ends a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** Like any program on this machine: with its hosts file and search domains. */
const resolveLocally: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family: family as 4 | 6 }));

/**
 * Queries DNS directly, which knows only public names and occupies none of the process's few threads: a slow name server
 * must not delay other work.
 */
const resolvePublicly: Resolve = async (host) => {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses: ResolvedAddress[] = [];
  if (four.status === "fulfilled") for (const address of four.value) addresses.push({ address, family: 4 });
  if (six.status === "fulfilled") for (const address of six.value) addresses.push({ address, family: 6 });
  if (addresses.length === 0 && four.status === "rejected") throw four.reason;
  return addresses;
};

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
