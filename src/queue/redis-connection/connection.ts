import { isIP } from "node:net";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { type RedisAddress, readRedisUrl } from "./redis-url.js";

/** A connection to one server, or to a cluster's nodes. */
export type RedisClient = Redis | Cluster;

export interface ConnectionOptions
  extends Pick<
    RedisOptions,
    "autoResubscribe" | "commandTimeout" | "enableOfflineQueue" | "lazyConnect" | "maxRetriesPerRequest"
  > {
  /** False where Redis's user may not run INFO, which ioredis and BullMQ otherwise begin with. */
  readonly canInfo?: boolean;
}

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2000;
/** How soon a cluster's client notices that a slot has moved from a node that is silent. */
const SLOTS_REFRESH_MS = 5000;
const SLOTS_TIMEOUT_MS = 2000;

/** All keys begin with it. In a cluster it is a hash tag, so that they are all in one slot, as scripts must have it. */
export function keyPrefix({
  redisUrl,
  redisPrefix,
}: {
  readonly redisUrl: string;
  readonly redisPrefix: string;
}): string {
  return readRedisUrl(redisUrl).kind === "cluster" ? `{${redisPrefix}}` : redisPrefix;
}

/** A client that reconnects for ever, with growing pauses, and at once when a replica was promoted. */
export function connect(redisUrl: string, options: ConnectionOptions = {}): RedisClient {
  return connectTo(readRedisUrl(redisUrl), options);
}

export function connectTo(address: RedisAddress, options: ConnectionOptions = {}): RedisClient {
  const { canInfo = true, lazyConnect = false, enableOfflineQueue = true, ...own } = options;
  const { kind, hosts, master, db } = address;
  const shared = {
    ...credentials(address),
    connectTimeout: 5000,
    // Read by BullMQ.
    ...(canInfo ? {} : { enableReadyCheck: false, skipVersionCheck: true }),
    ...own,
  };
  const backOff = (times: number) => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(times, 10));
  if (kind === "cluster") {
    return new Cluster([...hosts], {
      redisOptions: shared,
      lazyConnect,
      enableOfflineQueue,
      clusterRetryStrategy: backOff,
      // CLUSTER INFO, of any node; where the cluster is down, commands say so and are tried again.
      enableReadyCheck: false,
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
      // Names stay names: the nodes' certificates may be for them.
      dnsLookup: (host, callback) => callback(null, host),
    });
  }
  return new Redis({
    ...(kind === "sentinel" ? { sentinels: [...hosts], name: master! } : hosts[0]!),
    db,
    lazyConnect,
    enableOfflineQueue,
    retryStrategy: backOff,
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    ...shared,
  });
}

function credentials({
  username,
  password,
  family,
  isTls,
  kind,
  hosts,
}: RedisAddress): Omit<RedisOptions, "replyMapping"> {
  const [{ host }] = hosts as [RedisAddress["hosts"][0]];
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(family !== undefined && { family }),
    // TLS sends the server's name (SNI), which must not be an IP address (RFC 6066).
    ...(isTls && { tls: kind === "server" && !isIP(host) ? { servername: host } : {} }),
  };
}

/** Sends a command that names no key to the node that holds this key: a cluster would send it to any. */
export async function callBeside(
  client: RedisClient,
  key: string,
  ...command: readonly [string, ...(string | number)[]]
): Promise<unknown> {
  // A pipeline can't follow a slot that has moved; this can.
  await client.exists(key);
  const [exists, called] = (await client
    .pipeline()
    .exists(key)
    .call(...command)
    .exec())!;
  const error = exists![0] ?? called![0];
  if (error) throw error;
  return called![1];
}
