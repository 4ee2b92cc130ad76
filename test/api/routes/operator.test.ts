import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openBoard } from "../../../src/commands/services/open-board.js";
import { loadConfig } from "../../../src/config.js";
import { launchChromium } from "../../browser/chromium.js";
import { eventually } from "../../eventually.js";
import { type RedisServer, startRedis } from "../../queue/redis-server.js";
import { exampleKey, ringOf } from "../access/example-keys.js";
import { exampleApi, exampleModels, holdingHandler } from "../example-api.js";

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
      ...["pause", "resume", ...[...ofQueue, ...ofJob].map((call) => `demo/${call}`)].map(
        (path) => ["PUT", path] as const,
      ),
      ["POST", "demo/add"],
      ["PATCH", "demo/1/update-data"],
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
  it("is shown in a browser, asks no other site for anything, and counts the tokens", { timeout: 60_000 }, async () => {
    await open();
    const address = await api.listen();
    const { queue } = board!.queues[0] as unknown as { queue: { add(name: string, data: null): Promise<unknown> } };
    for (let i = 0; i < 7; i++) await queue.add("image", null);
    const browser = await launchChromium();
    try {
      const context = await browser.newContext({ httpCredentials: { username: "operator", password: operator.key } });
      const page = await context.newPage();
      const elsewhere: string[] = [];
      page.on("requestfinished", (request) => {
        if (!request.url().startsWith(address)) elsewhere.push(request.url());
      });
      await page.goto(`${address}/admin/queues/`);
      await page.getByText("demo").first().waitFor();
      await page.goto(`${address}/admin/queues/queue/demo`);
      await page.getByText("Tokens: one for each image that waits").first().waitFor();
      await page.getByText("7").first().waitFor();
      expect(elsewhere).toEqual([]);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/board.png` });
    } finally {
      await browser.close();
    }
  });
});
