import { pino } from "pino";
import { afterAll, beforeAll } from "vitest";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { queueContract } from "../contract.js";
import { RedisCluster } from "../redis-cluster.js";

const logger = pino({ level: process.env.QUEUE_LOG ?? "silent" });
/** The test of the contract during which a replica takes over from the master of its keys. */
const FAILOVER_IN = 20;

let cluster: RedisCluster;
let count = 0;
let failover: Promise<void> | undefined;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(async () => {
  await failover;
  await cluster?.stop();
});

queueContract("redis cluster", async (limits) => {
  const common = { redisUrl: cluster.url, redisPrefix: `contract${count++}`, ...limits };
  const queue = await openRedisQueue({ ...common, acceptDurable: false }, logger);
  const source = await openRedisSource({ ...common, lockMs: 30_000 }, logger);
  if (count === FAILOVER_IN) failover = cluster.failOver(common.redisPrefix);
  const close = async () => {
    await source.close();
    await queue.close();
  };
  return { queue, source, close };
});
