import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf } from "../example-job.js";
import { aborted, LONG_MS, type Open, USER_CANCELLED } from "./harness.js";

/** Ends other than completion, what stays afterwards, and the worker's own end. */
export function endingsContract(open: Open): void {
  describe("cancelling", () => {
    it("removes a waiting job from the line", async () => {
      const bench = await open({}, 1);
      const running = await bench.accept();
      const waiting = await bench.accept({ num_images: 2 });
      const next = await bench.accept();
      await bench.takes(1);
      await bench.queue.cancel(waiting.spec.id, USER_CANCELLED);
      expect(await bench.final(waiting.spec.id)).toMatchObject({ state: "cancelled", error: USER_CANCELLED });
      await bench.drain(1);
      expect((await bench.takes(2))[1]!.spec.id).toBe(next.spec.id);
      expect((await bench.final(running.spec.id))?.state).toBe("completed");
    });

    it("aborts a running job's images; a slot is free once its handler has returned", async () => {
      const bench = await open({}, 2);
      const running = await bench.accept({ num_images: 3 });
      const next = await bench.accept();
      const [first, second] = await bench.takes(2);
      await bench.queue.cancel(running.spec.id, USER_CANCELLED);
      expect(await bench.final(running.spec.id)).toMatchObject({ state: "cancelled", error: USER_CANCELLED });
      await Promise.all([aborted(first!.context), aborted(second!.context)]);
      expect(bench.taken).toHaveLength(2);
      first!.fail(new JobFailure({ code: "generation_failed", detail: "stopped" }));
      expect((await bench.takes(3))[2]!.spec.id).toBe(next.spec.id);
      second!.fail(new Error("stopped"));
      await bench.drain(1, 2);
      await bench.final(next.spec.id);
      expect((await bench.record(running.spec.id)).error).toEqual(USER_CANCELLED);
      await eventually(async () => expect((await bench.queue.stats()).runningImages).toBe(0));
    });

    it("leaves a job that has ended as it ended", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      await bench.drain(1);
      await bench.final(id);
      const found = { kind: "found", record: { state: "completed" } };
      expect(await bench.queue.cancel(id, USER_CANCELLED)).toMatchObject(found);
      expect(await bench.queue.image(id, 0)).toBeDefined();
    });
  });

  describe("deadlines", () => {
    it("fail a job that waits past its own deadline, and no other job", async () => {
      const bench = await open({}, 1);
      await bench.accept();
      await bench.takes(1);
      const late = await bench.accept({ deadline_ms: 200 });
      const patient = await bench.accept({ deadline_ms: 60_000 });
      const record = await bench.final(late.spec.id);
      expect(record).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } });
      expect(record!.finishedAt).toBeGreaterThanOrEqual(late.spec.deadline_at!);
      expect((await bench.record(patient.spec.id)).position).toBe(0);
    });

    it("fail a job of which some images run and others wait", async () => {
      const bench = await open({}, 1);
      const { spec } = await bench.accept({ num_images: 2, deadline_ms: 4000 });
      const [image] = await bench.takes(1);
      const record = await bench.final(spec.id);
      expect(record).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } });
      await aborted(image!.context);
    });
  });

  describe("results", () => {
    it("are gone after their time to live, and it is known that they were here", async () => {
      const bench = await open({ resultTtlMs: 1000 });
      const { queue } = bench;
      const { id } = (await bench.accept()).spec;
      const keyed = await bench.submit({}, { key: "k", bodyHash: "h" });
      expect(keyed.kind).toBe("accepted");
      await bench.drain(2);
      const record = await bench.final(id);
      expect(record?.state).toBe("completed");
      await sleep(Math.max(0, record!.expiresAt! - Date.now()));
      await eventually(async () => expect(await queue.get(id)).toEqual({ kind: "expired" }));
      expect(await queue.image(id, 0)).toBeUndefined();
      expect(await queue.cancel(id, USER_CANCELLED)).toEqual({ kind: "expired" });
      expect(await queue.wait(id, LONG_MS)).toBeUndefined();
      const again = () => bench.submit({}, { key: "k", bodyHash: "other" });
      await eventually(async () => expect((await again()).kind).toBe("accepted"));
    });

    it("stay within their bytes: the oldest finished go first, the newest always stays", async () => {
      const bench = await open({ maxResultBytes: 250_000 }, 10);
      const expected = [
        ["found"],
        ["found", "found"],
        ["expired", "found", "found"],
        ["expired", "expired", "expired", "found"],
      ];
      const ids: string[] = [];
      for (const [index, kinds] of expected.entries()) {
        ids.push((await bench.accept()).spec.id);
        const image = (await bench.takes(index + 1))[index]!;
        image.complete(exampleImageOf(image, index === 3 ? 1_000_000 : 100_000));
        await bench.final(ids[index]!);
        expect(await Promise.all(ids.map(async (id) => (await bench.queue.get(id)).kind))).toEqual(kinds);
      }
    });
  });

  describe("stopping", () => {
    it("takes no new images and lets running ones finish within the grace", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      const [image] = await bench.takes(1);
      const stopped = bench.source.stop(LONG_MS);
      await eventually(async () => expect(await bench.submit()).toEqual({ kind: "no_worker" }));
      expect(image!.context.signal.aborted).toBe(false);
      image!.complete();
      await stopped;
      expect((await bench.record(id)).state).toBe("completed");
    });

    it("aborts the images that still run when the grace is over", async () => {
      const bench = await open();
      await bench.accept();
      const [image] = await bench.takes(1);
      void aborted(image!.context).then(() => image!.fail(new Error("aborted")));
      await bench.source.stop(30);
      expect(image!.context.signal.aborted).toBe(true);
    });
  });
}
