import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { readCompose } from "./compose-file.js";
import { RedisService } from "./compose-processes.js";

let redis: RedisService | undefined;
const clients: Redis[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await redis?.stop();
  redis = undefined;
});

async function startRedis(variables: Record<string, string> = {}): Promise<RedisService> {
  redis = await RedisService.start(readCompose(["docker-compose.yml"], variables).services.redis!);
  return redis;
}

function connect({ port }: RedisService, password?: string): Redis {
  const client = new Redis({ host: "127.0.0.1", port, ...(password && { password }), maxRetriesPerRequest: 1 });
  client.on("error", () => {});
  clients.push(client);
  return client;
}

describe("Redis, started by the compose file's own command", () => {
  it("lets nobody in without the password, and its health check in with it", async () => {
    const redis = await startRedis({ REDIS_PASSWORD: "s3cret" });
    await expect(connect(redis).get("key")).rejects.toThrow(/NOAUTH/);
    expect(await connect(redis, "s3cret").ping()).toBe("PONG");
    await redis.checkHealth();
  });

  it("keeps what it was given over a restart", async () => {
    const redis = await startRedis();
    await connect(redis, "marimba").set("key", "value");
    await redis.restart();
    expect(await connect(redis, "marimba").get("key")).toBe("value");
    expect(await connect(redis, "marimba").config("GET", "appendfsync")).toEqual(["appendfsync", "everysec"]);
  });

  it("refuses when it is full, and forgets nothing", async () => {
    const client = connect(await startRedis({ REDIS_MAXMEMORY: "4mb" }), "marimba");
    await client.set("first", "here");
    const fill = async () => {
      for (let i = 0; i < 64; i++) await client.set(`filler-${i}`, "x".repeat(1 << 17));
    };
    await expect(fill()).rejects.toThrow(/OOM/);
    expect(await client.get("first")).toBe("here");
  });
});
