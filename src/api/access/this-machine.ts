import type { FastifyRequest } from "fastify";
import { isLoopback } from "../../telemetry/listening.js";

/** What proxies say of whom they ask for. */
const FORWARDING = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/**
 * Whether somebody on this machine asks: the connection is from here and, where a proxy that `TRUST_PROXY` names stands
 * between, so is the proxy's client; and the name asked for is this machine's. What another proxy says counts as from
 * elsewhere, and so does `Forwarded`, which is not read. A proxy here that says nothing of its clients can't be told.
 */
export function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers, ip, ips = [], socket } = request;
  // The connection's own address is the first; more are there only where it is a trusted proxy's.
  const isForwarded = ips.length > 1 && headers.forwarded === undefined;
  if (!isForwarded && FORWARDING.some((name) => headers[name] !== undefined)) return false;
  const forwardedHost = isForwarded ? headers["x-forwarded-host"] : undefined;
  return (
    isLoopbackAddress(socket.remoteAddress) &&
    isLoopbackAddress(ip) &&
    asksForThisMachine(headers.host) &&
    asksForThisMachine(forwardedHost)
  );
}

/** Whether the name in a Host header is one of this machine's alone, or none is there. */
export function asksForThisMachine(host: string | readonly string[] | undefined = ""): boolean {
  const name = String(host)
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  return isLoopback(name) || name.endsWith(".localhost") || name === "";
}

/** An IPv6 socket shows IPv4 as `::ffff:127.0.0.1`. */
function isLoopbackAddress(address = ""): boolean {
  return isLoopback(address.replace(/^::ffff:/i, ""));
}
