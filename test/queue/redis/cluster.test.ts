import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { checkRedis } from "../../../src/queue/redis-connection/start-check.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { RedisCluster } from "../redis-cluster.js";
import { redisContract } from "../redis-contract.js";
import { aclRules } from "../smallest-acl.js";

/** The queue of the contract's tests during which a replica takes over from the master of its keys. */
const FAILOVER_IN = "contract20";

let cluster: RedisCluster;
let failover: Promise<void> | undefined;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

redisContract("redis cluster, with a failover in the middle", (redisPrefix) => {
  if (redisPrefix === FAILOVER_IN) failover = cluster.failOver(redisPrefix);
  return cluster.url;
});

it("a replica took over in the middle of the contract", async () => {
  expect(failover).toBeDefined();
  await failover;
});

it("the smallest ACL needs one right more in a cluster", async () => {
  const redisPrefix = "marimba";
  const rules = aclRules(`{${redisPrefix}}`);
  const redisUrl = cluster.url.replace("//", "//marimba:secret@");
  const start = () => checkRedis({ redisUrl, redisPrefix, acceptDurable: false });
  await cluster.onEachNode((client) => client.call("ACL", "SETUSER", "marimba", ...rules));
  await expect(start()).rejects.toThrow(
    /^Redis at \S+ does not let its user run CLUSTER SLOTS; the user's ACL needs \+cluster\|slots\.$/,
  );
  await cluster.onEachNode((client) => client.call("ACL", "SETUSER", "marimba", "+cluster|slots"));
  const options = { redisUrl, redisPrefix, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 };
  const logger = pino({ level: "silent" });
  const queue = await openRedisQueue({ ...options, maxQueuedImages: 10, acceptDurable: false }, logger);
  const source = await openRedisSource({ ...options, lockMs: 30_000 }, logger);
  try {
    await source.start(["demo"], 1, async (task) => exampleImageOf(task));
    const spec = exampleJob({ id: queue.newId() });
    expect((await queue.submit(spec)).kind).toBe("accepted");
    expect(await queue.wait(spec.id, 20_000)).toMatchObject({ state: "completed" });
  } finally {
    await source.close();
    await queue.close();
  }
});

it("an address of a single server or of a cluster is not taken for the other", async () => {
  const start = (redisUrl: string) => checkRedis({ redisUrl, redisPrefix: "start", acceptDurable: false });
  const node = cluster.url.replace(/^redis\+cluster:.*,/, "redis://");
  await expect(start(node)).rejects.toThrow(
    /^Redis at redis:\/\/\S+ is a node of a cluster; REDIS_URL must begin with redis\+cluster:\/\/, or rediss\+cluster:\/\/ for TLS\.$/,
  );
});
