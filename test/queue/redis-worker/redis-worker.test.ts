import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_TRIES, WorkerUnfit } from "../../../src/queue/queue.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { type RedisServer, startRedis } from "../redis-server.js";

const logger = pino({ level: "silent" });
const LIMITS = { resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9, lockMs: 30_000 };

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis("--appendonly", "yes");
});
afterAll(() => redis?.stop());

/** A queue and so many workers that have not started, all of one prefix. */
async function open(redisPrefix: string, workers: number) {
  const common = { ...LIMITS, redisUrl: redis.url, redisPrefix };
  const queue = await openRedisQueue({ ...common, maxQueuedImages: 10, acceptDurable: false }, logger);
  const sources = await Promise.all(Array.from({ length: workers }, () => openRedisSource(common, logger)));
  const close = async () => {
    for (const source of sources) await source.close();
    await queue.close();
  };
  return { queue, sources, close };
}

describe("while Redis is out of memory", () => {
  it("asks for images only now and then, and goes on once it has memory", async () => {
    const { queue, sources, close } = await open("starved", 2);
    const [busy, free] = sources as [(typeof sources)[0], (typeof sources)[0]];
    const redisClient = new Redis(redis.url);
    await busy.start(["demo"], 1, () => new Promise(() => {}));
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const spec = exampleJob({ id: queue.newId() });
      await queue.submit(spec);
      ids.push(spec.id);
    }
    await eventually(async () => expect((await queue.stats()).runningImages).toBe(1));
    await redisClient.config("SET", "maxmemory", "1mb");
    await redisClient.config("RESETSTAT");
    await free.start(["demo"], 2, async (task) => exampleImageOf(task));
    await sleep(3000); // the rate of refusals is what counts
    const refusals = Number(/^errorstat_OOM:count=(\d+)/m.exec(await redisClient.info("errorstats"))?.[1] ?? 0);
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThan(100);
    await redisClient.config("SET", "maxmemory", "0");
    for (const id of ids.slice(1)) expect(await queue.wait(id, 20_000)).toMatchObject({ state: "completed" });
    redisClient.disconnect();
    await close();
  });
});

describe("progress that Redis did not take", () => {
  it("is reported again, though no step follows", async () => {
    const { queue, sources, close } = await open("unreported", 1);
    const redisClient = new Redis(redis.url);
    const replicas = (count: number) => redisClient.config("SET", "min-replicas-to-write", count);
    let finish = () => {};
    await sources[0]!.start(["demo"], 1, async (task, { progress }) => {
      await replicas(1);
      progress(3, 8);
      const refusals = () => redisClient.info("errorstats");
      await eventually(async () => expect(await refusals()).toMatch(/^errorstat_NOREPLICAS:/m));
      await replicas(0);
      await new Promise<void>((resolve) => (finish = resolve));
      return exampleImageOf(task);
    });
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    const shown = { record: { state: "running", progress: { step: 3, of: 8 } } };
    await eventually(async () => expect(await queue.get(spec.id)).toMatchObject(shown));
    finish();
    redisClient.disconnect();
    await close();
  });
});

describe("a worker that turns out unfit", () => {
  it("costs an image no try", async () => {
    const { queue, sources, close } = await open("unfit", 1);
    const source = sources[0]!;
    let runs = 0;
    await source.start(["demo"], 1, async (task) => {
      if (++runs <= MAX_TRIES + 1) throw new WorkerUnfit("The engine is lost.");
      return exampleImageOf(task);
    });
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    expect(await queue.wait(spec.id, 20_000)).toMatchObject({ state: "completed" });
    expect(runs).toBe(MAX_TRIES + 2);
    await close();
  });
});
