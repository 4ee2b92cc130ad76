import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type JobQueue, QueueUnavailable } from "../../../src/queue/queue.js";
import { openControl } from "../../../src/queue/redis/control.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { checkRedis, QueueStartError } from "../../../src/queue/redis-connection/start-check.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { type RedisServer, startRedis } from "../redis-server.js";

/** Longer than anything that the tests wait for. */
const LONG_MS = 20_000;

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis("--appendonly", "yes");
  client = new Redis(server.url);
  client.on("error", () => {});
});
afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of close.splice(0)) await one();
});

/** A queue, and the messages that it logs. */
async function open(redisPrefix: string): Promise<{ queue: JobQueue; said: string[] }> {
  const said: string[] = [];
  const logger = pino(
    { level: "info" },
    { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const common = { redisUrl: server.url, redisPrefix, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 };
  const queue = await openRedisQueue({ ...common, maxQueuedImages: 10, acceptDurable: false }, logger);
  const source = await openRedisSource({ ...common, lockMs: 30_000 }, logger);
  close.push(
    () => source.close(),
    () => queue.close(),
  );
  await source.start(["demo"], 1, async (task, { progress }) => {
    progress(1, 8);
    await sleep(500); // until that is reported
    return exampleImageOf(task);
  });
  return { queue, said };
}

describe("a start", () => {
  it("refuses a database that Redis does not have", async () => {
    const started = checkRedis({ redisUrl: `${server.url}/99`, redisPrefix: "start", acceptDurable: false });
    await expect(started).rejects.toThrow(QueueStartError);
    await expect(started).rejects.toThrow(/^Redis at \S+ has no database 99; REDIS_URL must name one/);
    await checkRedis({ redisUrl: `${server.url}/3`, redisPrefix: "start", acceptDurable: false });
  });

  it("warns about an append-only file that is never synced", async () => {
    await client.config("SET", "appendfsync", "no");
    const { said } = await open("never-synced");
    expect(said).toContainEqual(expect.stringMatching(/^Redis never syncs its append-only file/));
    await client.config("SET", "appendfsync", "everysec");
  });
});

describe("an open queue", () => {
  it("checks Redis again when it comes back, and accepts no job until it is fit", async () => {
    const { queue, said } = await open("back");
    const evict = (policy: string) => client.config("SET", "maxmemory-policy", policy);
    await evict("allkeys-lru");
    await client.call("CLIENT", "KILL", "TYPE", "normal").catch(() => {});
    const reason = expect.stringMatching(/^Redis has maxmemory-policy allkeys-lru, .* must be noeviction\.$/);
    await eventually(() => expect(queue.health()).toEqual({ reachable: false, reason }));
    await expect(queue.submit(exampleJob({ id: queue.newId() }))).rejects.toThrow(QueueUnavailable);
    expect(said.filter((message) => message.includes("allkeys-lru")).length).toBeGreaterThan(0);

    await evict("noeviction");
    await eventually(() => expect(queue.health()).toEqual({ reachable: true }));
    const spec = exampleJob({ id: queue.newId() });
    expect((await queue.submit(spec)).kind).toBe("accepted");
    expect(await queue.wait(spec.id, LONG_MS)).toMatchObject({ state: "completed", progress: { step: 8, of: 8 } });
  });

  it("does not log connections that it closes itself", async () => {
    const { said } = await open("closing");
    for (const one of close.splice(0)) await one();
    await sleep(50); // a late log line would come by then
    expect(said.filter((message) => message.includes("lost"))).toEqual([]);
  });
});

describe("an operator's action", () => {
  it("that Redis refuses is one sentence", async () => {
    await open("full");
    const control = await openControl({ redisUrl: server.url, redisPrefix: "full" }, pino({ level: "silent" }));
    close.push(() => control.close());
    await client.config("SET", "maxmemory", "1");
    try {
      for (const action of ["pause", "drain"] as const) {
        const error = await control[action]("demo").catch((reason: Error) => reason);
        expect(error).toBeInstanceOf(QueueUnavailable);
        expect((error as Error).message).toMatch(/^Redis rejected the command: OOM [^\n]*'maxmemory'\.$/);
      }
    } finally {
      await client.config("SET", "maxmemory", "0");
    }
  });
});
