import { isIP } from "node:net";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { keepPinging, SILENCE_MS } from "./liveness.js";
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
const ANSWER_MS = 5000;
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

/**
 * A client that reconnects for ever, with growing pauses: when its connection is closed or falls silent, and at once when a
 * replica was promoted. Of a cluster, it follows slots that move.
 */
export function connect(address: RedisAddress, options: ConnectionOptions = {}): RedisClient {
  return address.kind === "cluster" ? connectToCluster(address, options) : connectToServer(address, options);
}

/** The same, to one server at a time: where there are several hosts, to the next one after each break. */
export function connectToServer(address: RedisAddress, options: ConnectionOptions = {}): Redis {
  const { kind, hosts, master, db } = address;
  const isSentinel = kind === "sentinel";
  const client = new Redis({
    ...(isSentinel ? { sentinels: [...hosts], name: master! } : hosts[0]!),
    db,
    retryStrategy: (times) => {
      if (!isSentinel) Object.assign(client.options, hosts[times % hosts.length]);
      return backOff(times);
    },
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    sentinelCommandTimeout: ANSWER_MS,
    ...perConnection(address, options),
  });
  return keepPinging(client);
}

function connectToCluster(address: RedisAddress, options: ConnectionOptions): Cluster {
  const { lazyConnect, enableOfflineQueue, ...redisOptions } = perConnection(address, options);
  const client = new Cluster([...address.hosts], {
    redisOptions,
    ...(lazyConnect !== undefined && { lazyConnect }),
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
    clusterRetryStrategy: backOff,
    // CLUSTER INFO, of any node; where the cluster is down, commands say so and are tried again.
    enableReadyCheck: false,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    // Names stay names: the nodes' certificates may be for them.
    dnsLookup: (host, callback) => callback(null, host),
  });
  client.on("+node", keepPinging);
  return client;
}

function backOff(times: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(times, 10));
}

function perConnection(address: RedisAddress, { canInfo = true, ...options }: ConnectionOptions) {
  return {
    ...credentials(address),
    connectTimeout: ANSWER_MS,
    socketTimeout: SILENCE_MS,
    // Read by BullMQ.
    ...(canInfo ? {} : { enableReadyCheck: false, skipVersionCheck: true }),
    ...options,
  };
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
    ...(isTls && { tls: kind === "server" && hosts.length === 1 && !isIP(host) ? { servername: host } : {} }),
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
