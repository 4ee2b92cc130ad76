import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { ImageHandler, JobQueue, JobSource } from "../../../src/queue/queue.js";
import { openControl, type QueueControl } from "../../../src/queue/redis/control.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { queueName } from "../../../src/queue/redis/replies.js";
import { Scripts } from "../../../src/queue/redis/scripts.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { type RedisServer, startRedis } from "../redis-server.js";

/** The parts of a deployment over one Redis, opened by a test and closed after it. */
export interface RedisDeployment {
  readonly client: Redis;
  readonly server: RedisServer;
  readonly redisPrefix: string;
  api(maxQueuedImages?: number): Promise<JobQueue>;
  worker(maxImages: number, handler: ImageHandler, lockMs?: number): Promise<JobSource>;
  control(): Promise<QueueControl>;
  /** BullMQ's queue of the demo's leases, as BullMQ's public API shows it. */
  leases(): Queue;
  scripts(): Scripts;
}

/** One Redis for all tests of a file; each test has keys of its own. */
export function redisDeployments(...settings: string[]): () => RedisDeployment {
  const logger = pino({ level: process.env.QUEUE_LOG ?? "silent" });
  let server: RedisServer;
  let client: Redis;
  let count = 0;
  const opened: { close(): Promise<unknown> }[] = [];
  beforeAll(async () => {
    server = await startRedis(...settings);
    client = new Redis(server.url, { maxRetriesPerRequest: null });
  });
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });
  return () => {
    const redisPrefix = `test${count++}`;
    const common = { redisUrl: server.url, redisPrefix, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 };
    const keep = <T extends { close(): Promise<unknown> }>(one: T): T => {
      opened.push(one);
      return one;
    };
    return {
      client,
      server,
      redisPrefix,
      api: async (maxQueuedImages = 100) =>
        keep(await openRedisQueue({ ...common, maxQueuedImages, acceptDurable: false }, logger)),
      async worker(maxImages, handler, lockMs = 30_000) {
        const source = keep(await openRedisSource({ ...common, lockMs }, logger));
        await source.start(["demo"], maxImages, handler);
        return source;
      },
      control: async () => keep(await openControl({ redisUrl: server.url, redisPrefix }, logger)),
      leases: () => keep(new Queue(queueName("demo"), { connection: client, prefix: redisPrefix })),
      scripts: () => new Scripts(client, redisPrefix),
    };
  };
}
