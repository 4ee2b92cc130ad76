import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JobQueue, QueueUnavailable } from "../../../src/queue/queue.js";
import { openControl } from "../../../src/queue/redis/control.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { QueueStartError } from "../../../src/queue/redis-connection/start-check.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { eventually } from "../../eventually.js";
import { freePort } from "../../free-port.js";
import { testValkey } from "../../python/environment.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { RedisServer } from "../redis-server.js";

const logger = pino({ level: "silent" });

describe("ACCEPT_DURABLE=true, on Valkey, which knows WAITAOF,", () => {
  let valkey: RedisServer;
  let client: Redis;
  let queue: JobQueue;
  const close: (() => Promise<void>)[] = [];
  const common = () => ({
    redisUrl: valkey.url,
    redisPrefix: "durable",
    resultTtlMs: 60_000,
    maxResultBytes: 1e9,
    maxCanvasBytes: 1e9,
  });
  const open = () => openRedisQueue({ ...common(), maxQueuedImages: 10, acceptDurable: true }, logger);
  /** Whether the append-only file is written to disk now and then, or whenever the system likes. */
  const sync = (isOn: boolean) => client.config("SET", "appendfsync", isOn ? "everysec" : "no");
  const isThere = (id: string) => eventually(async () => expect(await client.exists(`durable::job:${id}`)).toBe(1));
  const job = () => exampleJob({ id: queue.newId() });

  beforeAll(async () => {
    valkey = new RedisServer(await freePort(), ["--appendonly", "yes", "--appendfsync", "everysec"], testValkey());
    await valkey.start();
    client = new Redis(valkey.url);
    queue = await open();
    const source = await openRedisSource({ ...common(), lockMs: 30_000 }, logger);
    close.push(
      () => source.close(),
      () => queue.close(),
    );
    await source.start(["demo"], 1, async (task) => exampleImageOf(task));
  });
  afterAll(async () => {
    for (const one of close) await one();
    client?.disconnect();
    await valkey?.stop();
  });

  it("answers a job only once the append-only file that holds it was written to disk", async () => {
    await sync(false);
    const spec = job();
    const accepted = queue.submit(spec);
    await isThere(spec.id);
    // Longer than everysec takes.
    expect(await Promise.race([accepted, sleep(1500, "waits")])).toBe("waits");
    await sync(true);
    expect(await accepted).toMatchObject({ kind: "accepted", record: { spec } });
    const many = await Promise.all(Array.from({ length: 8 }, () => queue.submit(job())));
    expect(many.map(({ kind }) => kind)).toEqual(Array(8).fill("accepted"));
  });

  it("refuses a job that is not on disk in time and cancels it, unless its client can come back with an idempotency key", async () => {
    await sync(false);
    const idempotency = { key: "caller:key", bodyHash: "a" };
    const [forgotten, keyed] = [job(), job()];
    const control = await openControl({ redisUrl: valkey.url, redisPrefix: "durable" }, logger);
    close.push(() => control.close());
    await control.pause("demo");
    const refused = await Promise.allSettled([queue.submit(forgotten), queue.submit(keyed, idempotency), open()]);
    for (const [index, kind] of [QueueUnavailable, QueueUnavailable, QueueStartError].entries())
      expect(refused[index]).toMatchObject({ reason: expect.any(kind) });
    expect(String((refused[2] as PromiseRejectedResult).reason)).toMatch(
      /: ACCEPT_DURABLE=true needs appendfsync everysec or always\.$/,
    );
    await sync(true);
    await eventually(async () =>
      expect(await queue.get(forgotten.id)).toMatchObject({ record: { state: "cancelled" } }),
    );
    const again = await queue.submit(job(), idempotency);
    expect(again).toMatchObject({ kind: "existing", record: { spec: { id: keyed.id }, state: "queued" } });
  });
});
