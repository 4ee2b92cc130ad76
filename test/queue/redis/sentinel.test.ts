import { afterAll, beforeAll, describe } from "vitest";
import { redisContract } from "../redis-contract.js";
import { type RedisServer, startRedis } from "../redis-server.js";
import { Sentinel } from "../sentinel.js";

// The servers behind a sentinel are plain ones, whose failover test/chaos/failover.test.ts covers: the long form is enough.
describe("over Sentinel", () => {
  let master: RedisServer;
  let replica: RedisServer;
  let sentinel: Sentinel;
  beforeAll(async () => {
    master = await startRedis("--appendonly", "yes", "--repl-diskless-sync-delay", "0");
    replica = await startRedis("--appendonly", "yes", "--replicaof", "127.0.0.1", String(master.port));
    sentinel = await Sentinel.start(master);
  });
  afterAll(async () => {
    await sentinel?.stop();
    await Promise.all([replica?.stop(), master?.stop()]);
  });

  redisContract("redis sentinel", () => sentinel.url);
});
