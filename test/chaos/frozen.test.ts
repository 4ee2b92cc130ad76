import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventClient, openEvents } from "../api/events/event-client.js";
import { monitor, ready } from "../commands/deployment.js";
import { generate } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { FaultyProxy } from "../topology/faulty-proxy.js";
import { Ground, HANGING_MS } from "./ground.js";
import { type Order, orderMany, settle, untilUnderWay } from "./orders.js";
import { note } from "./tally.js";
import { Undisturbed } from "./undisturbed.js";

const isLong = process.env.CHAOS === "long";
const JOBS = isLong ? 8 : 5;
/** One round shows that connections are replaced; `npm run test:chaos` looks for the unlucky moments. */
const ROUNDS = isLong ? 20 : 1;
/** Longer than a busy machine needs for an image after the connections were replaced. */
const BACK_MS = 240_000;

describe("connections to Redis that are dead without being closed", { timeout: HANGING_MS * ROUNDS }, () => {
  let reference: Ground;
  let undisturbed: Undisturbed;

  beforeAll(async () => {
    reference = await Ground.open();
    undisturbed = await Undisturbed.open(reference);
    await undisturbed.prepare(JOBS);
  });
  afterAll(() => reference?.close());

  /** Both processes reach Redis through a relay of their own. */
  async function open(name: string) {
    const ground = reference.part(name);
    const relays = { api: new FaultyProxy(ground.redis.url), worker: new FaultyProxy(ground.redis.url) };
    const [{ address }, worker] = await Promise.all([
      ground.api({ REDIS_URL: await relays.api.address() }),
      ground.worker({ REDIS_URL: await relays.worker.address(), WORKER_PORT: "0" }),
    ]);
    const close = async () => {
      await ground.endProcesses();
      await Promise.all([relays.api.close(), relays.worker.close()]);
    };
    return { address, workerAddress: await monitor(worker), relays, close };
  }

  /** Each stream's last event is the end of its job. */
  async function expectEnded(streams: readonly EventClient[]): Promise<void> {
    for (const stream of streams) {
      expect(await stream.ended).toBe(true);
      expect(stream.names.at(-1)).toBe("completed");
    }
  }

  it.concurrent.each([
    ["between API and Redis", ["api"]],
    ["between worker and Redis", ["worker"]],
    ["between both and Redis", ["api", "worker"]],
  ] as const)("%s are replaced, and every accepted job ends as if nothing had happened", async (_, frozen) => {
    const { address, workerAddress, relays, close } = await open(`frozen-${frozen.join("-")}`);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const orders: Order[] = await orderMany(address, JOBS);
        const port = Number(new URL(address).port);
        const streams = await Promise.all(orders.map(({ id }) => openEvents(port, `/jobs/${id}/events`)));
        // Every other time, nothing is under way that would show that a connection is dead.
        if (round % 2 === 0) await untilUnderWay(address, orders);
        else await settle(address, orders);
        const frozenAtMs = performance.now();
        for (const process of frozen) relays[process].freeze();
        // A new image shows that both halves are back.
        await eventually(async () => {
          const answer = await generate(address, { class: 0, seed: round }, { accept: "image/png" });
          expect(answer.status, await answer.text()).toBe(200);
        }, BACK_MS);
        note({ recoveryMs: performance.now() - frozenAtMs });
        await Promise.all([ready(address, 200), ready(workerAddress, 200)]);
        await undisturbed.expectAll(orders, await settle(address, orders));
        await expectEnded(streams);
        // Jobs whose clients got an error because no answer came were cancelled.
        await eventually(async () => {
          const { models } = (await (await fetch(`${address}/admin/queue`)).json()) as { models: object[] };
          expect(models[0]).toMatchObject({ waiting: 0, running: 0 });
        });
      }
    } finally {
      await close();
    }
  });
});
