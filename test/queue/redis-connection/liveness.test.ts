import { once } from "node:events";
import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectToServer } from "../../../src/queue/redis-connection/connection.js";
import { readRedisUrl } from "../../../src/queue/redis-connection/redis-url.js";
import { eventually } from "../../eventually.js";
import { FaultyProxy } from "../../topology/faulty-proxy.js";
import { type RedisServer, startRedis } from "../redis-server.js";

describe("a connection that froze without being closed", () => {
  let redis: RedisServer;
  let relay: FaultyProxy;
  const clients: Redis[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    relay = new FaultyProxy(redis.url);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await relay?.close();
    await redis?.stop();
  });

  const open = (url: string) => keep(connectToServer(readRedisUrl(url), { maxRetriesPerRequest: null }));

  async function keep(client: Redis): Promise<Redis> {
    client.on("error", () => {});
    clients.push(client);
    await once(client, "ready");
    return client;
  }

  it("is replaced even where it only listens, and what was under way on it is asked again", async () => {
    const publisher = await open(redis.url);
    const [subscriber, blocked, asking] = await Promise.all(
      Array.from({ length: 3 }, async () => open(await relay.address())),
    );
    await subscriber!.subscribe("news");
    const heard: string[] = [];
    subscriber!.on("message", (_, message) => heard.push(message));
    const popped = blocked!.blpop("list", 5);
    const idle = await keep(asking!.duplicate());
    const isReplaced = new Promise((resolve) => idle.once("ready", resolve));
    relay.freeze();
    const answer = asking!.set("key", "value");
    await eventually(async () => {
      await publisher.publish("news", "told");
      expect(heard).toContain("told");
    });
    expect(await answer).toBe("OK");
    expect(await popped).toBeNull();
    await isReplaced;
  });
});
