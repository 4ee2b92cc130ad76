import { lookup, Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.js";

/** Where webhooks may go. */
export interface TargetPolicy {
  /** Anywhere, also by plain HTTP. */
  readonly allowPrivate: boolean;
  /** Names or addresses, in lower case, that the operator trusts: there too. */
  readonly allowHosts: readonly string[];
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

/** The address is none that a webhook may go to, today or ever. */
export class TargetRefused extends Error {
  override readonly name = "TargetRefused";
}

const MAX_CHARACTERS = 2048;

/** The address as it is requested; without a fragment, and with a host as WHATWG writes it. Throws `TargetRefused`. */
export function readTarget(text: string, policy: TargetPolicy): URL {
  if (text.length > MAX_CHARACTERS)
    throw new TargetRefused(`must be an address of at most ${MAX_CHARACTERS} characters`);
  if (!URL.canParse(text)) throw new TargetRefused("must be an absolute https address");
  const url = new URL(text);
  const host = hostOf(url);
  const isTrusted = trusts(host, policy);
  if (url.protocol !== "https:" && !(isTrusted && url.protocol === "http:")) {
    throw new TargetRefused("must be an https address");
  }
  if (url.username !== "" || url.password !== "") throw new TargetRefused("must hold no user name or password");
  if (!isTrusted && (isThisMachine(host) || (isIP(host) !== 0 && !isPublicAddress(host))))
    throw new TargetRefused(NOT_PUBLIC);
  url.hash = "";
  return url;
}

const NOT_PUBLIC = "must lead to the public internet";

/** A name that leads here wherever it is asked for (RFC 6761, 6.3), or does by the usual hosts file. */
function isThisMachine(host: string): boolean {
  return /(^|\.)localhost$/.test(host) || ["ip6-localhost", "ip6-loopback", "localhost.localdomain"].includes(host);
}

/**
 * The one address to connect to. Every address of the name must be allowed: one that is not tells of a name that was made
 * to lead elsewhere. Throws `TargetRefused`, or what the resolver throws.
 */
export async function resolveTarget(url: URL, policy: TargetPolicy, resolve?: Resolve): Promise<ResolvedAddress> {
  const host = hostOf(url);
  const isTrusted = trusts(host, policy);
  const family = isIP(host);
  const addresses =
    family !== 0
      ? [{ address: host, family: family as 4 | 6 }]
      : await (resolve ?? (isTrusted ? resolveLocally : resolvePublicly))(host);
  if (!isTrusted && !addresses.every(({ address }) => isPublicAddress(address))) throw new TargetRefused(NOT_PUBLIC);
  const [first] = addresses;
  // Nothing may be logged of where a webhook goes, its name included.
  if (!first) throw Object.assign(new Error("The name has no address."), { code: "ENODATA", syscall: "query" });
  return first;
}

function trusts(host: string, { allowPrivate, allowHosts }: TargetPolicy): boolean {
  return allowPrivate || allowHosts.includes(host);
}

/** Without the brackets of an IPv6 address and the dot that ends a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** As any program of this machine would: with its hosts file and search domains. */
const resolveLocally: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family: family as 4 | 6 }));

/**
 * By asking DNS itself, which knows public names alone and takes none of the process's few threads: a name server that
 * lets callers wait must not hold up others' work.
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
