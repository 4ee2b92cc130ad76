import { describe, expect, it } from "vitest";
import type { CallerLimits, SubmitResult } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { exampleJob } from "../example-job.js";
import { type Bench, type Open, USER_CANCELLED } from "./harness.js";

/** How many images one caller may ask for, whoever else asks for how many. */
export function limitsContract(open: Open): void {
  const submit = (bench: Bench, limits: CallerLimits, fields: object = {}): Promise<SubmitResult> =>
    bench.queue.submit(exampleJob({ id: bench.queue.newId(), caller: "alice", ...fields }), undefined, limits);

  describe("images within a minute", () => {
    it("are refused above the caller's limits, with the time to wait and the usage", async () => {
      const bench = await open();
      const limits = { imagesPerMinute: 5 };
      const first = await submit(bench, limits, { num_images: 3 });
      expect(first).toMatchObject({ kind: "accepted", usage: { recentImages: 3, unfinishedImages: 3 } });
      expect(await submit(bench, limits, { num_images: 2 })).toMatchObject({ usage: { recentImages: 5 } });
      const refused = await submit(bench, limits);
      expect(refused).toMatchObject({ kind: "over_limit", limit: "imagesPerMinute", usage: { recentImages: 5 } });
      const { retryAfterS, usage } = refused as SubmitResult & { kind: "over_limit" };
      // The images of one second count until a minute after its end.
      expect(retryAfterS).toBeGreaterThan(30);
      expect(retryAfterS).toBeLessThanOrEqual(61);
      expect(usage.resetS).toBe(retryAfterS);
    });

    it("stay used when the job is cancelled or done: the images requested count", async () => {
      const bench = await open();
      const { record } = (await submit(bench, { imagesPerMinute: 1 })) as SubmitResult & { kind: "accepted" };
      await bench.queue.cancel(record.spec.id, USER_CANCELLED);
      expect((await submit(bench, { imagesPerMinute: 1 })).kind).toBe("over_limit");
    });

    it("are counted for each caller, and unlimited without limits", async () => {
      const bench = await open();
      for (const caller of ["alice", "bob"])
        expect((await submit(bench, { imagesPerMinute: 1 }, { caller })).kind).toBe("accepted");
      const free = await bench.submit({ caller: "alice" });
      expect(free.kind).toBe("accepted");
      expect(free).not.toHaveProperty("usage");
    });

    it("are not used by refused jobs, or by an idempotency key's later tries", async () => {
      const bench = await open({ maxQueuedImages: 3 }, 1);
      const limits = { imagesPerMinute: 4 };
      const idempotency = { key: "k", bodyHash: "h" };
      const spec = () => exampleJob({ id: bench.queue.newId(), caller: "alice" });
      for (const kind of ["accepted", "existing", "existing"])
        expect((await bench.queue.submit(spec(), idempotency, limits)).kind).toBe(kind);
      expect((await submit(bench, limits, { num_images: 4 })).kind).toBe("over_limit");
      expect((await submit(bench, limits, { num_images: 3, model: "nobodys" })).kind).toBe("no_worker");
      await bench.takes(1);
      await bench.accept({ caller: "bob", num_images: 3 });
      expect((await submit(bench, limits)).kind).toBe("full");
      await bench.drain(2);
      expect(await submit(bench, limits)).toMatchObject({ kind: "accepted", usage: { recentImages: 2 } });
    });
  });

  describe("concurrent images", () => {
    const limits = { concurrentImages: 3 };
    const mayAsk = async (bench: Bench, images: number) =>
      eventually(async () => expect((await submit(bench, limits, { num_images: images })).kind).toBe("accepted"));

    it("are refused above the caller's limits until some are made", async () => {
      const bench = await open({}, 2);
      expect(await submit(bench, limits, { num_images: 3 })).toMatchObject({ usage: { unfinishedImages: 3 } });
      const refused = await submit(bench, limits);
      expect(refused).toMatchObject({
        kind: "over_limit",
        limit: "concurrentImages",
        usage: { unfinishedImages: 3 },
      });
      expect((refused as SubmitResult & { kind: "over_limit" }).retryAfterS).toBeGreaterThan(0);
      expect((await submit(bench, limits, { caller: "bob" })).kind).toBe("accepted");
      await bench.drain(1);
      await mayAsk(bench, 1);
      expect((await submit(bench, limits)).kind).toBe("over_limit");
    });

    it("are free again when the job is cancelled, waiting or running", async () => {
      const bench = await open({}, 1);
      const { record } = (await submit(bench, limits, { num_images: 3 })) as SubmitResult & { kind: "accepted" };
      await bench.drain(1);
      await bench.takes(2);
      await bench.queue.cancel(record.spec.id, USER_CANCELLED);
      await mayAsk(bench, 3);
      expect((await submit(bench, limits)).kind).toBe("over_limit");
    });

    it("are free again when the job fails", async () => {
      const bench = await open({}, 1);
      await submit(bench, limits, { num_images: 3, deadline_ms: 50 });
      await mayAsk(bench, 3);
    });
  });

  it("never accepts more, however many requests come at once", async () => {
    const bench = await open();
    const many = Array.from({ length: 40 }, () => submit(bench, { imagesPerMinute: 7, concurrentImages: 9 }));
    const kinds = (await Promise.all(many)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(7);
    expect(kinds.filter((kind) => kind === "over_limit")).toHaveLength(33);
  });
}
