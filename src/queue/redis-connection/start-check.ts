import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { connect, publicAddress, redisOptions } from "./connection.js";
import { type Attempts, likelyReason, refusalOf } from "./redis-errors.js";

const CONNECT_MS = 5000;
const OLDEST_VERSION = [7, 0] as const;
/** The first that can say that a write is on disk (WAITAOF). */
const DURABLE_VERSION = [7, 2] as const;

/** Redis is missing or not fit for a queue: one sentence that says what would be right, never with the password. */
export class QueueStartError extends Error {
  override readonly name = "QueueStartError";
}

export interface StartNeeds {
  readonly redisUrl: string;
  readonly acceptDurable: boolean;
  /** How long connecting is tried; 5 seconds where it is not said. */
  readonly connectMs?: number;
}

/** Connects once and checks that Redis is fit for a queue; rejects with `QueueStartError`, warns of risky settings. */
export async function checkRedis(needs: StartNeeds, logger?: Logger): Promise<void> {
  const { redisUrl, acceptDurable, connectMs = CONNECT_MS } = needs;
  const client = connect(redisUrl, { lazyConnect: true, maxRetriesPerRequest: null });
  const address = publicAddress(redisUrl);
  try {
    await reach(client, redisUrl, address, connectMs);
    const unfitness =
      (await checkDatabase(client, redisOptions(redisUrl).db ?? 0)) ??
      (await findUnfitness(client, acceptDurable, logger));
    if (unfitness) throw new QueueStartError(`Redis at ${address} ${unfitness}`);
  } finally {
    client.disconnect();
  }
}

/** Like `findUnfitness`; ioredis silently stays in database 0 if SELECT fails. */
async function checkDatabase(client: Redis, database: number): Promise<string | undefined> {
  try {
    await client.select(database);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    const reason = /out of range/.test(message) ? "" : ` (${message})`;
    return `has no database ${database}${reason}; REDIS_URL's path must name one that exists.`;
  }
}

/** Why a Redis that answers is unfit for a queue, as the end of a sentence that begins with its name; warns of risky settings. */
export async function findUnfitness(
  client: Redis,
  acceptDurable: boolean,
  logger?: Logger,
): Promise<string | undefined> {
  const info = readInfo(await client.info());
  const unfitness = refuse(info, acceptDurable);
  if (unfitness) return unfitness;
  if (info.get("aof_enabled") === "0") {
    logger?.warn("Redis has no append-only file: when it restarts, accepted jobs are lost. Set appendonly yes.");
  } else if (await neverSyncs(client)) {
    logger?.warn(
      "Redis never syncs its append-only file: when its machine stops, accepted jobs are lost. Set appendfsync everysec.",
    );
  }
  return undefined;
}

/** False, too, where the user may not know. */
async function neverSyncs(client: Redis): Promise<boolean> {
  const reply = await client.config("GET", "appendfsync").catch(() => undefined);
  return Array.isArray(reply) && reply[1] === "no";
}

function refuse(info: ReadonlyMap<string, string>, acceptDurable: boolean): string | undefined {
  // Valkey states a redis_version that it is compatible with; its own, 7.2 at least, can do all that is needed.
  const version = info.get("valkey_version") ?? info.get("redis_version") ?? "unknown";
  if (!isAtLeast(version, OLDEST_VERSION)) return `is version ${version}; Marimba needs 7.0 or newer.`;
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    return `has maxmemory-policy ${policy}, which may drop jobs; it must be noeviction.`;
  }
  if (info.get("aof_last_write_status") === "err") {
    return "can't write its append-only file, so no job can be stored safely; its disk may be full, see its log.";
  }
  if (!acceptDurable) return undefined;
  if (!isAtLeast(version, DURABLE_VERSION)) {
    return `is version ${version}, which can't confirm that a job is on disk: ACCEPT_DURABLE=true needs 7.2 or newer.`;
  }
  if (info.get("aof_enabled") !== "1") return "has no append-only file: ACCEPT_DURABLE=true needs appendonly yes.";
  return undefined;
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

function readInfo(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([^#:\r\n]+):(.*?)\r?$/gm)].map(([, key, value]) => [key!, value!]));
}

/** Resolves once the client is ready; rejects at once for a reason that will not pass. */
async function reach(client: Redis, redisUrl: string, address: string, connectMs: number): Promise<void> {
  const attempts: Attempts = { connections: 0, isMasterUnknown: false };
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      const reason = likelyReason(redisUrl, attempts);
      const shown = reason ? ` (${reason})` : "";
      reject(new QueueStartError(`Redis at ${address} can't be reached${shown}; REDIS_URL must be its address.`));
    }, connectMs);
    client.on("connect", () => attempts.connections++);
    client.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
    client.on("sentinelError", ({ message }: Error) => {
      attempts.isMasterUnknown ||= /No such master|invalid reply/.test(message);
    });
    client.on("error", (error: Error) => {
      attempts.lastError = error;
      const refusal = refusalOf(error);
      if (!refusal) return;
      clearTimeout(timer);
      reject(new QueueStartError(`Redis at ${address} ${refusal}`));
    });
    client.connect().catch(() => {});
  });
}
