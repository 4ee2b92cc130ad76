import { Redis } from "ioredis";
import { pino } from "pino";
import { loadConfig } from "../../../src/config.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { startRedis } from "../../../test/queue/redis-server.js";
import { finishedImage, finishJob, jobOf, queueLimits } from "./jobs.js";
import type { OpenPart } from "./part.js";

/** Jobs through a Redis of the guard's own, with a worker that takes no time. */
export const open: OpenPart = async ({ models }) => {
  const server = await startRedis();
  const { lockMs } = loadConfig();
  const options = { ...queueLimits(), redisUrl: server.url, redisPrefix: "guard", lockMs, acceptDurable: false };
  const logger = pino({ level: "silent" });
  const queue = await openRedisQueue(options, logger);
  const source = await openRedisSource(options, logger);
  await source.start([models.default], 24, async () => finishedImage);
  const client = new Redis(server.url);
  return {
    image: (index) => finishJob(queue, jobOf(index, models, queue.newId())),
    async serverMs() {
      const used = await client.info("cpu");
      const seconds = [...used.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)].map(([, value]) => Number(value));
      return 1000 * seconds.reduce((sum, value) => sum + value);
    },
  };
};
