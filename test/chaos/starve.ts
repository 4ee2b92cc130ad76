import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect } from "vitest";
import { eventually } from "../eventually.js";
import type { RedisServer } from "../queue/redis-server.js";

/** Answers of one connection to it. */
export async function ask<T>({ url }: RedisServer, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  redis.on("error", () => {});
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** Lets the append-only file grow no further: every write is answered with MISCONF until the limit is lifted. */
export async function failAppendOnlyFile(server: RedisServer): Promise<void> {
  const folder = join(server.folder, "appendonlydir");
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  limitFileSize(server, String(Math.max(...sizes)));
  await ask(server, (redis) =>
    eventually(() => expect(redis.set("chaos-probe", "x", "PX", 1)).rejects.toThrow(/^MISCONF/)),
  );
}

export function mendAppendOnlyFile(server: RedisServer): void {
  limitFileSize(server, "unlimited");
}

function limitFileSize({ pid }: RedisServer, bytes: string): void {
  const limited = spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
  if (limited.status !== 0) throw new Error(`prlimit (Debian's util-linux) failed: ${limited.stderr}`);
}
