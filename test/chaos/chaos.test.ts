import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ready } from "../commands/deployment.js";
import { generate, type Marimba } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { Ground, HANGING_MS, killHard, LOCK_MS } from "./ground.js";
import { exampleBody, type Order, order, orderMany, settle, untilUnderWay } from "./orders.js";
import { ask, failAppendOnlyFile, mendAppendOnlyFile } from "./starve.js";
import { Undisturbed } from "./undisturbed.js";

const isLong = process.env.CHAOS === "long";
/** Jobs of one test: at least twice as many images as a batch holds. */
const JOBS = isLong ? 12 : 6;
/** `npm run test:chaos` freezes Redis for as long as an operator's mistake may last; CI for less. */
const FREEZE_MS = isLong ? 30_000 : 4000;

describe("whatever is killed, what was accepted is made", { timeout: HANGING_MS }, () => {
  let reference: Ground;
  let undisturbed: Undisturbed;
  let ground: Ground;
  let count = 0;
  let address: string;
  let api: Marimba;
  let worker: Marimba;

  beforeAll(async () => {
    reference = await Ground.open();
    undisturbed = await Undisturbed.open(reference);
    await undisturbed.prepare(JOBS);
  });
  afterAll(() => reference?.close());
  beforeEach(async () => {
    ground = reference.part(`chaos${count++}`);
    [{ address, process: api }, worker] = await Promise.all([ground.api(), ground.worker({ SHUTDOWN_GRACE_S: "1" })]);
  });
  afterEach(() => ground?.endProcesses());

  /** Jobs that all ended as undisturbed ones do, nothing left in the queue, and ended for good. */
  async function expectNothingLost(orders: readonly Order[], at = address): Promise<void> {
    const outcomes = await settle(at, orders);
    await undisturbed.expectAll(orders, outcomes);
    await expectEmptyQueue(at);
    expect(await settle(at, orders)).toEqual(outcomes);
  }

  /** What the queue has of its one model. */
  async function queued(at = address): Promise<{ waiting: number; running: number; totals: { accepted: number } }> {
    const { models } = (await (await fetch(`${at}/admin/queue`)).json()) as {
      models: Awaited<ReturnType<typeof queued>>[];
    };
    return models[0]!;
  }

  async function expectEmptyQueue(at = address): Promise<void> {
    await eventually(async () => expect(await queued(at)).toMatchObject({ waiting: 0, running: 0 }));
  }

  describe("workers", () => {
    it("killed in the middle of a batch: another makes its images", async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      const heir = ground.worker();
      await killHard(worker);
      await heir;
      await expectNothingLost(orders);
    });

    it("killed with nobody left: its successor makes them", async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      await killHard(worker);
      await ground.worker();
      await expectNothingLost(orders);
    });

    it("frozen past its lock: others take over, and its late results change nothing", async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      worker.kill("SIGSTOP");
      await ground.worker();
      await settle(address, orders);
      worker.kill("SIGCONT");
      await sleep(LOCK_MS); // for its late results, which must change nothing
      await expectNothingLost(orders);
      const more = await orderMany(address, 4);
      await expectNothingLost(more);
    });

    it("told to end: finishes or hands back its images in time, and ends with 0", async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
      await ground.worker();
      await expectNothingLost(orders);
    });
  });

  describe("API processes", () => {
    it("killed with waiting clients: a client that comes back with its key gets its image elsewhere", async () => {
      const other = await ground.api();
      const keys = Array.from({ length: JOBS }, (_, index) => `chaos-${index}`);
      const single = (index: number) => ({ ...exampleBody(index), num_images: 1 });
      const ask = (at: string, index: number) =>
        generate(at, single(index), { accept: "image/png", "idempotency-key": keys[index]! });
      const broken = keys.map((_, index) => ask(address, index).then((answer) => answer.arrayBuffer(), String));
      await eventually(async () => expect((await queued(other.address)).totals.accepted).toBe(JOBS));
      await killHard(api);
      await Promise.all(broken.map((answer) => answer.catch(() => {})));
      for (const [index] of keys.entries()) {
        await undisturbed.expectImage(single(index), await ask(other.address, index));
      }
      await expectEmptyQueue(other.address);
    });
  });

  describe("Redis", () => {
    it("killed and started again with its append-only file: everything goes on", async () => {
      const orders = await orderMany(address, JOBS);
      const waiting = order(address, { ...exampleBody(0), steps: 33 });
      await untilUnderWay(address, orders);
      await waiting;
      const single = { class: 1, seed: 4, steps: 40, diffusion_steps: 20 };
      const synchronous = generate(address, single);
      await eventually(async () => expect((await queued()).totals.accepted).toBe(JOBS + 2));
      await ground.redis.kill();
      await ready(address, 503);
      expect((await fetch(`${address}/health/live`)).status).toBe(200);
      const refused = await generate(address, exampleBody(1));
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ code: "queue_unavailable" });
      await ground.redis.start();
      await expectNothingLost(orders);
      await undisturbed.expectImage(single, await synchronous);
    });

    it(`frozen for ${FREEZE_MS / 1000} s: calls are refused meanwhile, and everything goes on after`, async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      ground.redis.signal("SIGSTOP");
      const frozen = sleep(FREEZE_MS);
      if (FREEZE_MS > 10_000) expect((await generate(address, exampleBody(1))).status).toBe(503);
      expect((await fetch(`${address}/health/live`)).status).toBe(200);
      await frozen;
      ground.redis.signal("SIGCONT");
      await expectNothingLost(orders);
    });

    it("out of memory: new jobs are refused, accepted ones are made", async () => {
      const orders = await orderMany(address, JOBS);
      await ask(ground.redis, (redis) => redis.config("SET", "maxmemory", "1mb"));
      const refused = await generate(address, exampleBody(1), { prefer: "respond-async" });
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ code: "queue_unavailable" });
      await sleep(LOCK_MS); // so long that locks run out
      await ask(ground.redis, (redis) => redis.config("SET", "maxmemory", "0"));
      await expectNothingLost(orders);
      await expectNothingLost(await orderMany(address, 3));
    });

    it("with an append-only file that can't be written: the same", async () => {
      const orders = await orderMany(address, JOBS);
      await untilUnderWay(address, orders);
      await failAppendOnlyFile(ground.redis);
      const refused = await generate(address, exampleBody(1), { prefer: "respond-async" });
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ code: "queue_unavailable" });
      await sleep(LOCK_MS); // so long that locks run out
      mendAppendOnlyFile(ground.redis);
      await expectNothingLost(orders);
      await expectNothingLost(await orderMany(address, 3));
    });
  });
});
