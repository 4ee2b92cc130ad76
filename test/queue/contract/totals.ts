import { expect, it } from "vitest";
import type { ModelStatus } from "../../../src/queue/queue.js";
import { JobFailure } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { type Bench, type Open, USER_CANCELLED } from "./harness.js";

/** What the queue counts of each model: every job and every image once, whatever happens to it. */
export function totalsContract(open: Open): void {
  const statusOf = async ({ queue }: Bench, model: string) =>
    (await queue.status()).models.find((one) => one.model === model)!;

  async function expectTotals(bench: Bench, totals: Partial<ModelStatus["totals"]>): Promise<void> {
    await eventually(async () => expect((await statusOf(bench, "demo")).totals).toMatchObject(totals));
  }

  it("counts every job once by how it ended, and the stored images", async () => {
    const bench = await open({}, 8);
    await expectTotals(bench, { accepted: 0, completed: 0, failed: 0, cancelled: 0, images: 0 });
    const done = await bench.accept({ num_images: 2 });
    const failing = await bench.accept({ num_images: 2 });
    const [a, b, c, d] = await bench.takes(4);
    a!.complete();
    b!.complete();
    await bench.final(done.spec.id);
    c!.complete();
    await expectTotals(bench, { accepted: 2, completed: 1, images: 3 });
    d!.fail(new JobFailure({ code: "generation_failed", detail: "broken" }));
    await bench.final(failing.spec.id);

    const cancelled = await bench.accept();
    const [, , , , tooLate] = await bench.takes(5);
    for (let times = 0; times < 2; times++) await bench.queue.cancel(cancelled.spec.id, USER_CANCELLED);
    // Comes after its job's end.
    tooLate!.complete();
    const late = await bench.accept({ deadline_ms: 50 });
    expect((await bench.final(late.spec.id))?.error?.code).toBe("deadline_exceeded");
    await expectTotals(bench, { accepted: 4, completed: 1, failed: 2, cancelled: 1, images: 3 });
  });

  it("counts no job that was refused or known before, and an image that runs again once", async () => {
    const bench = await open({ maxQueuedImages: 2 }, 1);
    const again = { key: "k", bodyHash: "h" };
    expect((await bench.submit({}, again)).kind).toBe("accepted");
    expect((await bench.submit({}, again)).kind).toBe("existing");
    await bench.takes(1);
    expect((await bench.submit({ num_images: 3 })).kind).toBe("full");
    bench.taken[0]!.fail(new Error("unforeseen"));
    (await bench.takes(2))[1]!.complete();
    await expectTotals(bench, { accepted: 1, completed: 1, failed: 0, cancelled: 0, images: 1 });
  });

  it("shows waiting and running images and workers of each model, and the size of results", async () => {
    const bench = await open({}, 1, ["demo", "other"]);
    await bench.accept({ num_images: 3 });
    await bench.accept({ model: "other" });
    await bench.takes(2);
    const demo = await statusOf(bench, "demo");
    expect(demo).toMatchObject({ waiting: 2, running: 1, paused: false, draining: false });
    expect(await statusOf(bench, "other")).toMatchObject({ waiting: 0, running: 1, totals: { accepted: 1 } });
    expect(demo.workers).toMatchObject([{ pid: process.pid, running: 2, paused: false }]);
    expect(await bench.queue.status()).toMatchObject({ maxQueuedImages: 100, keptBytes: 0 });
    await bench.drain(4);
    await eventually(async () => expect((await bench.queue.status()).keptBytes).toBeGreaterThan(2 * 4096));
  });
}
