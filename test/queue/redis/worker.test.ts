import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_TRIES, WorkerUnfit } from "../../../src/queue/queue.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis/redis-source.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { type RedisServer, startRedis } from "../redis-server.js";

const logger = pino({ level: "silent" });
const LIMITS = { resultTtlMs: 60_000, maxResultBytes: 1e9, lockMs: 3000 };

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis("--appendonly", "yes");
});
afterAll(() => redis?.stop());

describe("a worker that turns out unfit", () => {
  it("costs an image none of its tries", async () => {
    const common = { ...LIMITS, redisUrl: redis.url, redisPrefix: "unfit" };
    const queue = await openRedisQueue({ ...common, maxQueuedImages: 10, acceptDurable: false }, logger);
    const source = await openRedisSource(common, logger);
    let runs = 0;
    await source.start(["demo"], 1, async (task) => {
      if (++runs <= MAX_TRIES + 1) throw new WorkerUnfit("The engine is lost.");
      return exampleImageOf(task);
    });
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    expect(await queue.wait(spec.id, 20_000)).toMatchObject({ state: "completed" });
    expect(runs).toBe(MAX_TRIES + 2);
    await source.close();
    await queue.close();
  });
});
