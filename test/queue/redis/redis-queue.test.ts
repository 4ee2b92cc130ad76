import { afterAll, beforeAll } from "vitest";
import { redisContract } from "../redis-contract.js";
import { type RedisServer, startRedis } from "../redis-server.js";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis("--appendonly", "yes");
});
afterAll(() => redis?.stop());

redisContract("redis", () => redis.url);
