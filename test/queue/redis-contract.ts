import { pino } from "pino";
import { openRedisQueue } from "../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../src/queue/redis-worker/redis-source.js";
import { queueContract } from "./contract.js";

const logger = pino({ level: process.env.QUEUE_LOG ?? "silent" });

/** The queue's contract over Redis; each queue has the address that `addressOf` returns for its prefix. */
export function redisContract(name: string, addressOf: (redisPrefix: string) => string | Promise<string>): void {
  let count = 0;
  queueContract(name, async (limits) => {
    const redisPrefix = `contract${count++}`;
    const common = { redisUrl: await addressOf(redisPrefix), redisPrefix, ...limits };
    const queue = await openRedisQueue({ ...common, acceptDurable: false }, logger);
    const source = await openRedisSource({ ...common, lockMs: 30_000 }, logger);
    const close = async () => {
      await source.close();
      await queue.close();
    };
    return { queue, source, close };
  });
}
