import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { JOB_VERSION, type NewJob } from "../../../src/job.js";
import type { ImageHandler, JobQueue, JobSource } from "../../../src/queue/queue.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { type RedisServer, startRedis } from "../redis-server.js";

interface Release {
  readonly openRedisQueue: typeof openRedisQueue;
  readonly openRedisSource: typeof openRedisSource;
}

const THIS: Release = { openRedisQueue, openRedisSource };
const THIS_VERSION = JOB_VERSION;
const NEXT_VERSION = THIS_VERSION + 1;
const LONG_MS = 20_000;

/** The adapter's code as it is when a release raises the number of its payloads. */
async function loadNextRelease(): Promise<Release> {
  vi.resetModules();
  vi.doMock("../../../src/job.js", async (original) => {
    const job = await original<typeof import("../../../src/job.js")>();
    return { ...job, JOB_VERSION: NEXT_VERSION };
  });
  try {
    const { openRedisQueue } = await import("../../../src/queue/redis/redis-queue.js");
    const { openRedisSource } = await import("../../../src/queue/redis-worker/redis-source.js");
    return { openRedisQueue, openRedisSource };
  } finally {
    vi.doUnmock("../../../src/job.js");
  }
}

const make: ImageHandler = async (task) => exampleImageOf(task);
const holdUntilAborted: ImageHandler = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));

let redis: RedisServer;
let next: Release;
let count = 0;
let redisPrefix: string;
const opened: (JobQueue | JobSource)[] = [];
const said: { level: number; msg: string; queue?: string; waiting?: number }[] = [];
const logger = pino({ level: "info" }, { write: (line: string) => void said.push(JSON.parse(line)) });

beforeAll(async () => {
  [redis, next] = await Promise.all([startRedis("--appendonly", "yes"), loadNextRelease()]);
});
afterAll(() => redis?.stop());
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

const common = () => ({
  redisUrl: redis.url,
  redisPrefix,
  resultTtlMs: 60_000,
  maxResultBytes: 1e9,
  maxCanvasBytes: 1e9,
});

/** The API's side of a release. */
async function api(release: Release): Promise<JobQueue> {
  const queue = await release.openRedisQueue({ ...common(), maxQueuedImages: 10, acceptDurable: false }, logger);
  opened.push(queue);
  return queue;
}

async function worker(release: Release, handler = make): Promise<JobSource> {
  const source = await release.openRedisSource({ ...common(), lockMs: 30_000 }, logger);
  opened.push(source);
  await source.start(["demo"], 4, handler);
  return source;
}

/** As this release's API submits it, or the next one's, with a field that nobody here knows. */
function job(queue: JobQueue, version: number, fields: Partial<NewJob> = {}): NewJob {
  const spec = exampleJob({ id: queue.newId(), ...fields });
  return { ...spec, version: version as NewJob["version"], ...{ added_later: { by: "somebody" } } };
}

async function ends(queue: JobQueue, spec: NewJob): Promise<string | undefined> {
  expect((await queue.submit(spec)).kind).toBe("accepted");
  return (await queue.wait(spec.id, LONG_MS))?.state;
}

describe("processes of neighbouring releases, whose payloads have other numbers,", () => {
  it("work together: the newer worker makes jobs of both", async () => {
    redisPrefix = `versions${count++}`;
    const [older, newer] = [await api(THIS), await api(next)];
    await worker(next);
    expect(await ends(older, job(older, THIS_VERSION))).toBe("completed");
    const spec = job(newer, NEXT_VERSION, { num_images: 2 });
    expect(await ends(newer, spec)).toBe("completed");
    // Each can be read, watched and cancelled through the other.
    expect(await older.get(spec.id)).toMatchObject({ kind: "found", record: { state: "completed", spec } });
    expect((await older.image(spec.id, 1))?.bytes).toHaveLength(2);
    expect((await older.stats()).models).toEqual(["demo"]);
  });

  it("never give an older worker what it can't read: it says so, and a newer one makes it", async () => {
    redisPrefix = `versions${count++}`;
    const [older, newer] = [await api(THIS), await api(next)];
    const leaving = await worker(next, holdUntilAborted);
    const spec = job(newer, NEXT_VERSION, { num_images: 2 });
    expect((await newer.submit(spec)).kind).toBe("accepted");
    await eventually(async () => expect((await newer.stats()).runningImages).toBe(2));
    await leaving.stop(0);

    await worker(THIS);
    const warning = () =>
      said.find(({ queue, msg }) => queue === `demo@${NEXT_VERSION}` && msg.includes("newer release"));
    await eventually(() => expect(warning()).toBeDefined());
    expect(warning()).toMatchObject({
      level: 40,
      waiting: 2,
      msg: expect.stringMatching(/newer release .*leaves them/),
    });
    expect(await ends(older, job(older, THIS_VERSION))).toBe("completed");
    expect(await older.stats()).toMatchObject({ waitingImages: 2, runningImages: 0 });
    expect(await newer.submit(job(newer, NEXT_VERSION))).toEqual({ kind: "no_worker" });

    await worker(next);
    expect(await newer.wait(spec.id, LONG_MS)).toMatchObject({ state: "completed" });
  });
});
