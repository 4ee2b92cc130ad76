import { isIP } from "node:net";
import { type RedisOptions as AllOptions, Redis } from "ioredis";
import { keepAsking, SILENCE_MS } from "./liveness.js";

/** Replies are plain arrays, as Redis sends them. */
type RedisOptions = Omit<AllOptions, "replyMapping">;

const SENTINEL_PORT = 26_379;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2000;

/** REDIS_URL is not an address of Redis. The message contains no password. */
export class RedisUrlError extends Error {
  override readonly name = "RedisUrlError";
}

/** The address without user and password: for logs and messages. */
export function publicAddress(redisUrl: string): string {
  return redisUrl.replace(/\/\/[^/]*@/, "//");
}

/** What ioredis needs to reach `redisUrl`: redis://, rediss:// or redis+sentinel://. */
export function redisOptions(redisUrl: string): RedisOptions {
  const sentinel = /^redis\+sentinel:\/\/(?:([^@/]*)@)?([^/@]+)\/([^/?]+)(?:\/(\d+))?$/.exec(redisUrl);
  if (sentinel) {
    const [, credentials, hosts, name, db] = sentinel;
    const sentinels = hosts!.split(",").map(readHost);
    return { sentinels, name: decodeURIComponent(name!), db: Number(db ?? 0), ...readCredentials(credentials) };
  }
  if (!/^rediss?:\/\//.test(redisUrl) || !URL.canParse(redisUrl)) {
    throw new RedisUrlError(
      `REDIS_URL is not an address of Redis; it must be redis://, rediss:// or redis+sentinel:// ` +
        "([user:password@]HOST:PORT, for Sentinel HOST:PORT,HOST:PORT/MASTER).",
    );
  }
  const url = new URL(redisUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1";
  const db = Number(url.pathname.slice(1) || 0);
  if (!Number.isInteger(db)) throw new RedisUrlError("The path of REDIS_URL is not a database number.");
  return {
    host,
    port: Number(url.port || 6379),
    db,
    ...readCredentials(url.username || url.password ? `${url.username}:${url.password}` : undefined),
    // TLS sends the server's name (SNI), which must not be an IP address (RFC 6066).
    ...(url.protocol === "rediss:" ? { tls: isIP(host) ? {} : { servername: host } } : {}),
  };
}

function readHost(text: string): { host: string; port: number } {
  const [, host, port] = /^(.+?)(?::(\d+))?$/.exec(text)!;
  return { host: host!.replace(/^\[|\]$/g, ""), port: Number(port ?? SENTINEL_PORT) };
}

function readCredentials(text: string | undefined): { username?: string; password?: string } {
  if (!text) return {};
  const [username, ...password] = text.split(":");
  const secret = password.length > 0 ? { password: decodeURIComponent(password.join(":")) } : {};
  return { ...secret, ...(username ? { username: decodeURIComponent(username) } : {}) };
}

/**
 * A client that reconnects for ever, with growing pauses: when its connection is closed or falls silent, and at once when a
 * replica was promoted.
 */
export function connect(redisUrl: string, options: RedisOptions = {}): Redis {
  const client = new Redis({
    ...redisOptions(redisUrl),
    retryStrategy: (times) => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(times, 10)),
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    connectTimeout: 5000,
    sentinelCommandTimeout: 5000,
    socketTimeout: SILENCE_MS,
    ...options,
  });
  keepAsking(client);
  return client;
}
