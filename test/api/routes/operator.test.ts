import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openBoard } from "../../../src/commands/services/open-board.js";
import { loadConfig } from "../../../src/config.js";
import type { JobSpec } from "../../../src/job.js";
import type { JobQueue, JobSource } from "../../../src/queue/queue.js";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { queueName } from "../../../src/queue/redis/replies.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { launchChromium, newContext } from "../../browser/chromium.js";
import { eventually } from "../../eventually.js";
import { startProxy } from "../../proxies/documented-proxy.js";
import { exampleJob } from "../../queue/example-job.js";
import { type RedisServer, startRedis } from "../../queue/redis-server.js";
import { exampleKey, ringOf } from "../access/example-keys.js";
import { exampleApi, exampleModels, holdingHandler } from "../example-api.js";

const DEMO = queueName("demo");
const user = exampleKey("user");
const operator = exampleKey("operator", { isAdmin: true });

let redis: RedisServer;
let board: Awaited<ReturnType<typeof openBoard>>;
let api: Awaited<ReturnType<typeof exampleApi>>;
beforeAll(async () => {
  redis = await startRedis();
  const config = loadConfig({ REDIS_URL: redis.url });
  board = await openBoard(config, exampleModels(), pino({ level: "silent" }));
});
afterEach(() => api?.close());
afterAll(async () => {
  await board?.close();
  await redis?.stop();
});

const open = async (options: Parameters<typeof exampleApi>[0] = {}) => {
  api = await exampleApi({ ...options, deps: { keys: ringOf(user, operator), boardQueues: board!.queues } });
};

describe("GET /admin/queue", () => {
  it("shows operators waiting and running images, totals and workers", async () => {
    const { held, handler } = holdingHandler();
    await open({ handler, maxImages: 1 });
    await api.post({ class: 0, num_images: 3 }, user.headers);
    await eventually(() => expect(held).toHaveLength(1));
    const answer = await api.app.inject({ url: "/admin/queue", headers: operator.headers });
    expect(answer.json()).toMatchObject({
      max_queued_images: 512,
      models: [
        {
          model: "demo",
          waiting: 2,
          running: 1,
          paused: false,
          totals: { accepted: 1, completed: 0, images: 0 },
          workers: [{ pid: process.pid, running: 1 }],
        },
        { model: "other", waiting: 0 },
      ],
    });
  });
});

describe("operators' addresses", () => {
  it.each(["/admin/queue", "/admin/queues", "/admin/queues/api/queues", "/admin/queues/static/js/main.js"])(
    "%s are for operators, in problem documents",
    async (url) => {
      await open();
      const asked = async (headers = {}) => {
        const { statusCode, body } = await api.app.inject({ url, headers });
        return [statusCode, JSON.parse(body).code];
      };
      expect(await asked()).toEqual([401, "unauthorized"]);
      expect(await asked(user.headers)).toEqual([403, "forbidden"]);
    },
  );

  it("change nothing on BullMQ's board", async () => {
    await open();
    const ofQueue = [
      "pause",
      "resume",
      "empty",
      "obliterate",
      "concurrency",
      "promote",
      "retry/failed",
      "clean/completed",
    ];
    const ofJob = ["1/retry", "1/clean", "1/promote"];
    const calls = [
      ...["pause", "resume", ...[...ofQueue, ...ofJob].map((call) => `${DEMO}/${call}`)].map(
        (path) => ["PUT", path] as const,
      ),
      ["POST", `${DEMO}/add`],
      ["PATCH", `${DEMO}/1/update-data`],
    ] as const;
    for (const [method, path] of calls) {
      const url = `/admin/queues/api/queues/${path}`;
      const answer = await api.app.inject({ method, url, headers: operator.headers, payload: {} });
      expect([answer.statusCode, answer.json().code], path).toEqual([405, "method_not_allowed"]);
    }
    expect(await board!.queues[0]!.isPaused()).toBe(false);
  });
});

describe("BullMQ's board", () => {
  const logger = pino({ level: "silent" });
  const common = () => ({
    redisUrl: redis.url,
    redisPrefix: "marimba",
    resultTtlMs: 60_000,
    maxResultBytes: 1e9,
    maxCanvasBytes: 1e9,
  });
  let queue: JobQueue;
  let source: JobSource;
  beforeAll(async () => {
    queue = await openRedisQueue({ ...common(), maxQueuedImages: 100, acceptDurable: false }, logger);
    source = await openRedisSource({ ...common(), lockMs: 30_000 }, logger);
    await source.start(["demo"], 1, async (task, { signal }) => {
      if (task.spec.seed === 13) throw new Error("The engine broke.", { cause: "really" });
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    });
  });
  afterAll(async () => {
    await source?.close();
    await queue?.close();
  });

  async function leases(status: string): Promise<{ data: object; failedReason?: string }[]> {
    const url = `/admin/queues/api/queues?activeQueue=${DEMO}&status=${status}&page=1&jobsPerPage=10`;
    const answer = await api.app.inject({ url, headers: operator.headers });
    return answer.json().queues.find(({ name }: { name: string }) => name === DEMO).jobs;
  }

  it("shows of each failed and active image its job, class, seed, caller, request and error", async () => {
    await open();
    const submit = async (fields: Partial<JobSpec>) => {
      const spec = exampleJob({ id: queue.newId(), caller: "alice", request_id: "req-1", ...fields });
      expect((await queue.submit(spec)).kind).toBe("accepted");
      return spec.id;
    };
    const failed = await submit({ seed: 13 });
    expect(await queue.wait(failed, 20_000)).toMatchObject({ state: "failed" });
    const data = { job: failed, image: 0, model: "demo", class: 0, seed: 13, caller: "alice", request_id: "req-1" };
    // One for each try; the last may still be on its way.
    const failure = { data, failedReason: "The engine broke." };
    await eventually(async () => expect(await leases("failed")).toMatchObject([failure, failure, failure]));
    const active = await submit({ seed: 14, num_images: 8 });
    await eventually(async () => expect(await leases("active")).toMatchObject([{ data: { job: active, seed: 14 } }]));
  });

  it("is shown in a browser, asks no other site for anything, and counts the leases", async () => {
    // Behind nginx, under a path.
    await open({ environment: { PUBLIC_PATH: "/marimba", TRUST_PROXY: "127.0.0.1" } });
    const { address, stop } = await startProxy("nginx", await api.listen());
    onTestFinished(stop);
    const browser = await launchChromium();
    try {
      const context = await newContext(browser, { httpCredentials: { username: "operator", password: operator.key } });
      const page = await context.newPage();
      const elsewhere: string[] = [];
      page.on("requestfinished", (request) => {
        if (!request.url().startsWith(address)) elsewhere.push(request.url());
      });
      await page.goto(`${address}/admin/queues/`);
      await page.getByText("demo").first().waitFor();
      await page.goto(`${address}/admin/queues/queue/${DEMO}`);
      await page.getByText("One lease for each image").first().waitFor();
      await page.getByText("7").first().waitFor();
      expect(elsewhere).toEqual([]);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/board.png` });
    } finally {
      await browser.close();
    }
  });
});
