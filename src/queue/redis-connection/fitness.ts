import type { Logger } from "pino";
import { callBeside, type RedisClient } from "./connection.js";
import { deniedCommand } from "./redis-errors.js";

const OLDEST_VERSION = [7, 0] as const;
/** The first that can say that a write is on disk (WAITAOF). */
const DURABLE_VERSION = [7, 2] as const;

/**
 * Why the Redis that holds `key` is unfit for a queue, as the end of a sentence that begins with its name; undefined, too,
 * where its user may not ask. Warns of risky settings.
 */
export async function findUnfitness(
  client: RedisClient,
  key: string,
  acceptDurable: boolean,
  logger?: Logger,
): Promise<string | undefined> {
  const text = await unlessDenied(callBeside(client, key, "INFO"));
  if (text === undefined) {
    logger?.warn("Redis's user may not run INFO, so version, maxmemory-policy and append-only file were not checked.");
    return undefined;
  }
  const info = readInfo(text as string);
  const unfitness = refuse(info, acceptDurable);
  if (unfitness) return unfitness;
  if (info.get("aof_enabled") === "0") {
    logger?.warn("Redis has no append-only file: when it restarts, accepted jobs are lost. Set appendonly yes.");
    return undefined;
  }
  const config = (await unlessDenied(callBeside(client, key, "CONFIG", "GET", "appendfsync"))) as string[] | undefined;
  if (config === undefined) logger?.warn("Redis's user may not run CONFIG GET, so appendfsync was not checked.");
  if (config?.[1] === "no") {
    logger?.warn(
      "Redis never syncs its append-only file: when its machine stops, accepted jobs are lost. Set appendfsync everysec.",
    );
  }
  return undefined;
}

/** Undefined where Redis's user may not ask, or a managed Redis does not have the command. */
async function unlessDenied(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (error) {
    if (deniedCommand(error) || /^ERR unknown command/i.test((error as Error).message)) return undefined;
    throw error;
  }
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
