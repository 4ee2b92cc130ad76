import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "../fake-clock.js";
import { Ground, HANGING_MS } from "./ground.js";
import { type Order, order, settle } from "./orders.js";
import { note } from "./tally.js";

/** Jobs of one test, and how many of them are in the queue at a time. */
const JOBS = process.env.CHAOS === "long" ? 200 : 10;
const AT_ONCE = 20;
const SKEW_S = 300;

describe("jobs with a deadline end as they should while clocks differ by ten minutes", { timeout: HANGING_MS }, () => {
  let reference: Ground;
  let ground: Ground;
  const clocks: FakeClock[] = [];
  beforeAll(async () => {
    reference = await Ground.open();
  });
  afterEach(async () => {
    await ground.endProcesses();
    for (const clock of clocks.splice(0)) clock.remove();
  });
  afterAll(() => reference?.close());

  const skewed = (offsetS: number) => {
    const clock = new FakeClock(offsetS);
    clocks.push(clock);
    return clock.environment;
  };

  it.each([
    ["ahead of", -SKEW_S, SKEW_S],
    ["behind", SKEW_S, -SKEW_S],
  ])("the worker's clock %s the API's", async (_, apiS, workerS) => {
    ground = reference.part(`clocks${workerS}`);
    const [{ address }] = await Promise.all([ground.api(skewed(apiS)), ground.worker(skewed(workerS))]);
    const wrong: unknown[] = [];
    for (let first = 0; first < JOBS; first += AT_ONCE) {
      const indices = Array.from({ length: Math.min(AT_ONCE, JOBS - first) }, (_, index) => first + index);
      const startMs = performance.now();
      const orders = await Promise.all(indices.map((index) => order(address, index % 4 === 3 ? LATE : inTime(index))));
      const outcomes = await settle(address, orders);
      const elapsedMs = performance.now() - startMs;
      for (const [at, one] of orders.entries()) {
        const expected = one.body === LATE ? "deadline_exceeded" : undefined;
        const totalMs = await totalOf(address, one);
        // A duration that was measured with two clocks would be ten minutes off, or 0.
        const isMeasured = expected !== undefined || (totalMs! > 0 && totalMs! < elapsedMs);
        if (outcomes[at]!.error?.code !== expected || !isMeasured) wrong.push({ ...outcomes[at], totalMs, elapsedMs });
      }
    }
    expect(wrong).toEqual([]);
    note({ accepted: JOBS, completed: JOBS, lost: 0, images: 0, differing: 0 });
  });
});

/** Never done within its deadline. */
const LATE = { class: 0, seed: 1, steps: 64, diffusion_steps: 1000, deadline_ms: 300 };

/** Done long before its deadline, which is shorter than the clocks differ. */
const inTime = (index: number) => ({ class: 0, seed: index, steps: 8, diffusion_steps: 20, deadline_ms: 250_000 });

async function totalOf(address: string, { id }: Order): Promise<number | undefined> {
  const job = (await (await fetch(`${address}/jobs/${id}`)).json()) as { timing?: { total_ms: number } };
  return job.timing?.total_ms;
}
