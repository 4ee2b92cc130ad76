import type { FastifyRequest } from "fastify";
import { isLoopback } from "../../telemetry/listening.js";

/** Headers in which proxies name their client. */
const FORWARDING = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/**
 * Whether the request comes from this machine: the connection does and, behind a proxy that `TRUST_PROXY` names, the
 * proxy's client does too; and the host asked for is this machine. Requests through other proxies, or with a `Forwarded`
 * header, which is not read, count as remote. A local proxy that adds no headers can't be detected.
 */
export function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers, ip, ips = [], socket } = request;
  // The first is the connection's own address; there are more only if that is a trusted proxy.
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

/** Whether a Host header names this machine, or is absent. */
export function asksForThisMachine(host: string | readonly string[] | undefined = ""): boolean {
  const name = String(host)
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  return isLoopback(name) || name.endsWith(".localhost") || name === "";
}

/** IPv6 sockets show IPv4 addresses as `::ffff:127.0.0.1`. */
function isLoopbackAddress(address = ""): boolean {
  return isLoopback(address.replace(/^::ffff:/i, ""));
}
