import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { type ConnectionOptions, connect, connectToServer, keyPrefix, type RedisClient } from "./connection.js";
import { findUnfitness } from "./fitness.js";
import { type Attempts, likelyReason, refusalOf, UnfitRedis } from "./redis-errors.js";
import { publicAddress, type RedisAddress, readRedisUrl } from "./redis-url.js";
import { isPassing } from "./retry.js";
import { checkRights } from "./rights.js";

const CONNECT_MS = 5000;
const RETRY_MS = 100;

/** Redis is missing or not fit for a queue: one sentence that says what would be right, never with the password. */
export class QueueStartError extends Error {
  override readonly name = "QueueStartError";
}

export interface StartNeeds {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly acceptDurable: boolean;
  /** How long connecting is tried; 5 seconds where it is not said. */
  readonly connectMs?: number;
}

/** How the parts of a queue reach the Redis that was checked for them. */
export class RedisAccess {
  readonly #opened: RedisClient[] = [];

  constructor(
    private readonly redisUrl: string,
    private readonly address: RedisAddress,
    /** All keys and channels begin with it. */
    readonly redisPrefix: string,
    private readonly canInfo: boolean,
  ) {}

  connect(options: ConnectionOptions = {}): RedisClient {
    return this.#keep(connect(this.address, { canInfo: this.canInfo, ...options }));
  }

  /** For a subscription: of a cluster, every node passes on all messages. */
  connectToAny(options: ConnectionOptions = {}): Redis {
    return this.#keep(connectToServer(anyNode(this.address), { canInfo: this.canInfo, ...options }));
  }

  /** Rejects with `QueueStartError`, and closes the connections, where Redis refuses what a start needs. */
  async starting<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await start();
    } catch (error) {
      for (const client of this.#opened) client.disconnect();
      throw startError(this.redisUrl, error);
    }
  }

  #keep<T extends RedisClient>(client: T): T {
    this.#opened.push(client);
    return client;
  }
}

/** Connects once and checks that Redis is fit for a queue; rejects with `QueueStartError`, warns of risky settings. */
export async function checkRedis(needs: StartNeeds, logger?: Logger): Promise<RedisAccess> {
  const { redisUrl, acceptDurable, connectMs = CONNECT_MS } = needs;
  const address = readRedisUrl(redisUrl);
  const redisPrefix = keyPrefix(needs);
  const opened: RedisClient[] = [];
  const open = (at: RedisAddress) => {
    // INFO comes later: its user may not run it.
    const options = { lazyConnect: true, commandTimeout: connectMs, maxRetriesPerRequest: null, canInfo: false };
    const client = connect(at, options).on("error", () => {});
    opened.push(client);
    return client;
  };
  try {
    const client = await reachAny(address, open, connectMs);
    await select(client, address.db);
    const user = address.username ?? "default";
    const subscriber = open(address);
    const canInfo = await patiently(() => checkRights(client, subscriber, redisPrefix, user), connectMs);
    const unfitness = await findUnfitness(client, `${redisPrefix}::secret`, acceptDurable, logger);
    if (unfitness) throw new UnfitRedis(unfitness);
    return new RedisAccess(redisUrl, address, redisPrefix, canInfo);
  } catch (error) {
    throw startError(redisUrl, error);
  } finally {
    for (const client of opened) client.disconnect();
  }
}

/** Of a cluster's nodes any one, to begin with another in each process; otherwise the address itself. */
function anyNode(address: RedisAddress): RedisAddress {
  const { kind, hosts } = address;
  const first = Math.floor(Math.random() * hosts.length);
  return kind === "cluster"
    ? { ...address, kind: "server", hosts: [...hosts.slice(first), ...hosts.slice(0, first)] }
    : address;
}

/** One sentence for whatever stopped a start. */
function startError(redisUrl: string, error: unknown): QueueStartError {
  if (error instanceof QueueStartError) return error;
  const { message } = error as Error;
  // Lua's errors go on with the name of the script.
  const reason = () => `can't be used now (${message.split(" script:")[0]!.replace(/\.$/, "")}).`;
  const what = error instanceof UnfitRedis ? message : (refusalOf(error as Error) ?? reason());
  return new QueueStartError(`Redis at ${publicAddress(redisUrl)} ${what}`, { cause: error });
}

/** Resolves with a client that is ready: of a cluster, once one of the nodes that REDIS_URL names has led to the others. */
async function reachAny(
  address: RedisAddress,
  open: (at: RedisAddress) => RedisClient,
  ms: number,
): Promise<RedisClient> {
  if (address.kind !== "cluster") return reach(open(address), address.isTls, ms);
  // A node says better than ioredis's cluster client what is wrong.
  const nodes = address.hosts.map((host) => open({ ...address, kind: "server", hosts: [host] }));
  const reached = nodes.map((node) => reach(node, address.isTls, ms));
  const node = await Promise.any(reached).catch(({ errors }: AggregateError) => Promise.reject(errors[0]));
  await node.cluster("SLOTS");
  return reach(open(address), address.isTls, ms);
}

/** ioredis silently stays in database 0 if SELECT fails. */
async function select(client: RedisClient, database: number): Promise<void> {
  if (database === 0) return;
  await client.select(database).catch((error: Error) => {
    if (!/out of range/.test(error.message)) throw error;
    throw new UnfitRedis(`has no database ${database}; REDIS_URL must name one that exists.`);
  });
}

/** Asks again while Redis can't answer yet, as while it loads its data. */
async function patiently<T>(ask: () => Promise<T>, ms: number): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (refusalOf(error as Error) || !isPassing(error) || performance.now() > endMs) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Resolves once the client is ready; rejects at once for a reason that will not pass. */
function reach(client: RedisClient, isTls: boolean, ms: number): Promise<RedisClient> {
  const attempts: Attempts = { connections: 0, isMasterUnknown: false };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const reason = likelyReason(isTls, attempts);
      const shown = reason ? ` (${reason})` : "";
      reject(new UnfitRedis(`can't be reached${shown}; REDIS_URL must be its address.`));
    }, ms);
    client.on("connect", () => attempts.connections++);
    client.once("ready", () => {
      clearTimeout(timer);
      resolve(client);
    });
    client.on("sentinelError", ({ message }: Error) => {
      attempts.isMasterUnknown ||= /No such master|invalid reply/.test(message);
    });
    const fail = (error: Error) => {
      attempts.lastError = error;
      if (!refusalOf(error)) return;
      clearTimeout(timer);
      reject(error);
    };
    client.on("error", fail);
    // Of a cluster's single connections.
    client.on("node error", fail);
    client.connect().catch(() => {});
  });
}
