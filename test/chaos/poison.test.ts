import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Marimba } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { Ground, HANGING_MS, killHard } from "./ground.js";
import { exampleBody, order, orderMany, settle } from "./orders.js";
import { importPoisonedModel, POISONED_CLASS } from "./poison.js";
import { Undisturbed } from "./undisturbed.js";

/** With the poison, more images than a batch holds. */
const NEIGHBOURS = process.env.CHAOS === "long" ? 8 : 4;

describe("a poison job fails alone", { timeout: HANGING_MS }, () => {
  let reference: Ground;
  let undisturbed: Undisturbed;
  let ground: Ground;
  let count = 0;
  let address: string;
  let worker: Marimba;

  beforeAll(async () => {
    reference = await Ground.open(importPoisonedModel);
    undisturbed = await Undisturbed.open(reference);
    await undisturbed.prepare(NEIGHBOURS);
  });
  afterAll(() => reference?.close());
  beforeEach(async () => {
    ground = reference.part(`poison${count++}`);
    [{ address }, worker] = await Promise.all([ground.api(), ground.worker()]);
  });
  afterEach(() => ground?.endProcesses());

  it("when its images never come out: its neighbours in the batch complete", async () => {
    const neighbours = await orderMany(address, NEIGHBOURS / 2);
    const poison = await order(address, { ...exampleBody(0), class: POISONED_CLASS });
    neighbours.push(...(await orderMany(address, NEIGHBOURS / 2, NEIGHBOURS / 2)));
    const [outcome] = await settle(address, [poison]);
    expect(outcome).toMatchObject({ state: "failed", error: { code: "generation_failed" }, images: [] });
    await undisturbed.expectAll(neighbours, await settle(address, neighbours));
  });

  it("when its worker dies every time: after a bounded number of tries, and its neighbours complete", async () => {
    // So long that it never ends before its worker is killed.
    const poison = { ...exampleBody(0), steps: 64, diffusion_steps: 1000 };
    const doomed = await order(address, poison);
    const neighbours = await orderMany(address, NEIGHBOURS);
    let deaths = 0;
    for (let over = false; !over; ) {
      const state = await untilUnderWayOrOver(address, doomed.id);
      over = state !== "running";
      if (over) break;
      deaths++;
      await killHard(worker);
      worker = await ground.worker();
      // Its lock has to run out before it can be seen running again.
      await untilNotRunning(address, doomed.id);
    }
    expect(deaths).toBe(3);
    const [outcome] = await settle(address, [doomed]);
    expect(outcome).toMatchObject({ state: "failed", error: { code: "generation_failed" } });
    await undisturbed.expectAll(neighbours, await settle(address, neighbours));
  });
});

function untilUnderWayOrOver(address: string, id: string): Promise<string> {
  return eventually(async () => {
    const job = await read(address, id);
    expect(job).toSatisfy(() => job.state !== "queued" && (job.state !== "running" || job.progress !== undefined));
    return job.state;
  }, HANGING_MS);
}

/** Until the progress that the dead worker left behind has been taken back. */
async function untilNotRunning(address: string, id: string): Promise<void> {
  const before = (await read(address, id)).progress?.step;
  await eventually(async () => {
    const job = await read(address, id);
    expect(job).toSatisfy(() => job.state !== "running" || job.progress?.step !== before);
  }, HANGING_MS);
}

async function read(address: string, id: string) {
  return (await (await fetch(`${address}/jobs/${id}`)).json()) as { state: string; progress?: { step: number } };
}
