import { pino } from "pino";
import { afterAll, beforeAll } from "vitest";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { queueContract } from "../contract.js";
import { type RedisServer, startRedis } from "../redis-server.js";

const logger = pino({ level: process.env.QUEUE_LOG ?? "silent" });
let redis: RedisServer;
let count = 0;
beforeAll(async () => {
  redis = await startRedis("--appendonly", "yes");
});
afterAll(() => redis?.stop());

queueContract("redis", async (limits) => {
  const common = { redisUrl: redis.url, redisPrefix: `contract${count++}`, ...limits };
  const queue = await openRedisQueue({ ...common, acceptDurable: false }, logger);
  const source = await openRedisSource({ ...common, lockMs: 30_000 }, logger);
  const close = async () => {
    await source.close();
    await queue.close();
  };
  return { queue, source, close };
});
