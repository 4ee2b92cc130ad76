import { describe, expect, it } from "vitest";
import { JobFailure, MAX_TRIES } from "../../../src/queue/queue.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { aborted, accepted, type Open, USER_CANCELLED } from "./harness.js";

/** A job's way from submission to its end, image by image. */
export function lifecycleContract(open: Open): void {
  describe("a job's life", () => {
    it("goes from queued to running to completed, with its images in order", async () => {
      const bench = await open({}, 1);
      const { queue } = bench;
      await bench.accept();
      await bench.takes(1);
      const spec = exampleJob({ id: queue.newId(), num_images: 3, seed: 9 });
      const record = accepted(await queue.submit(spec));
      expect(record).toMatchObject({ spec, state: "queued", images: [] });
      (await bench.takes(1))[0]!.complete();
      expect((await bench.takes(2))[1]).toMatchObject({ spec, imageIndex: 0 });
      expect(await bench.record(spec.id)).toMatchObject({ state: "running", startedAt: expect.any(Number) });
      await bench.drain(2, 1);
      expect((await bench.takes(4))[3]!.imageIndex).toBe(2);
      expect((await bench.record(spec.id)).state).toBe("running");
      expect(await queue.image(spec.id, 0)).toBeUndefined();
      await bench.drain(1, 3);
      const done = await bench.final(spec.id);
      expect(done).toMatchObject({ state: "completed", finishedAt: expect.any(Number) });
      expect(done!.expiresAt! - done!.finishedAt!).toBeGreaterThan(59_000);
      expect(done!.images).toHaveLength(3);
      const { timing } = exampleImageOf({ spec, imageIndex: 0 });
      expect(done!.images[0]).toEqual({ width: 2, height: 3, timing });
      for (const index of [0, 1, 2]) {
        const image = await queue.image(spec.id, index);
        expect(image).toMatchObject({ contentType: "image/png", width: 2, height: 3, timing });
        expect(Array.from(image!.bytes)).toEqual([9, index]);
      }
      expect(await queue.image(spec.id, 3)).toBeUndefined();
      expect(await queue.image(spec.id, -1)).toBeUndefined();
    });

    it("has its images in order in whatever order they are done", async () => {
      const bench = await open({}, 3);
      const { spec } = await bench.accept({ num_images: 3 });
      for (const image of [...(await bench.takes(3))].reverse()) image.complete();
      await bench.final(spec.id);
      for (const index of [0, 1, 2]) {
        expect((await bench.queue.image(spec.id, index))!.bytes[1]).toBe(index);
      }
    });

    it("ends failed with the error of any image: siblings that run are aborted, those that wait never start", async () => {
      const bench = await open({}, 2);
      const { spec } = await bench.accept({ num_images: 4 });
      const other = await bench.accept();
      const error = { code: "generation_failed", detail: "The image came out as NaN." };
      const [first, second] = await bench.takes(2);
      second!.fail(new JobFailure(error));
      expect(await bench.final(spec.id)).toMatchObject({ state: "failed", error, images: [] });
      expect((await bench.takes(3))[2]!.spec.id).toBe(other.spec.id);
      await aborted(first!.context);
      first!.complete();
      bench.taken[2]!.complete();
      expect(await bench.final(other.spec.id)).toMatchObject({ state: "completed" });
      expect(await bench.record(spec.id)).toMatchObject({ state: "failed", error });
      expect(await bench.queue.image(spec.id, 0)).toBeUndefined();
      expect(bench.taken).toHaveLength(3);
    });

    it("shows progress over all its images", async () => {
      const bench = await open();
      const { spec, progress } = await bench.accept({ num_images: 2 });
      expect(progress).toBeUndefined();
      const [first, second] = await bench.takes(2);
      first!.context.progress(3, 8);
      await bench.next(spec.id, (record) => record.progress?.step === 3);
      second!.context.progress(2, 8);
      const both = await bench.next(spec.id, (record) => record.progress?.step === 5);
      expect(both.progress).toEqual({ step: 5, of: 16 });
      first!.complete();
      second!.complete();
      await bench.final(spec.id);
      second!.context.progress(4, 8);
      expect(await bench.record(spec.id)).toMatchObject({ state: "completed" });
    });

    it("shows all steps of a finished image, however fast", async () => {
      const bench = await open();
      const { spec } = await bench.accept({ num_images: 2 });
      const isShown = bench.next(spec.id, ({ progress }) => progress?.step === 8);
      for (const image of await bench.takes(2)) {
        image.context.progress(8, 8);
        image.complete();
        if (image === bench.taken[0]) expect(await isShown).toMatchObject({ state: "running", progress: { of: 16 } });
      }
      const final = await bench.final(spec.id);
      expect(final).toMatchObject({ state: "completed", progress: { step: 16, of: 16 } });
      expect(await bench.record(spec.id)).toEqual(final);
    });

    it("does not know ids that it never issued", async () => {
      const { queue } = await open();
      for (const id of ["no-such-job", "job_000000000000000000000000", `${queue.newId().slice(0, -4)}zzzz`]) {
        expect(await queue.get(id)).toEqual({ kind: "unknown" });
        expect(await queue.image(id, 0)).toBeUndefined();
        expect(await queue.wait(id, 1000)).toBeUndefined();
        expect(await queue.cancel(id, USER_CANCELLED)).toEqual({ kind: "unknown" });
        queue.subscribe(id, { onChange: () => expect.unreachable() })();
      }
    });

    it("issues valid ids, never the same", async () => {
      const { queue } = await open();
      const ids = Array.from({ length: 1000 }, () => queue.newId());
      for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
      expect(new Set(ids).size).toBe(1000);
      expect(queue.health()).toEqual({ reachable: true });
    });
  });

  describe("an unexpected error", () => {
    it("is retried ahead of all waiting images", async () => {
      const bench = await open({}, 1);
      const { spec } = await bench.accept({ num_images: 2 });
      const other = await bench.accept();
      for (let tries = 1; tries < MAX_TRIES; tries++) {
        (await bench.takes(tries))[tries - 1]!.fail(new TypeError("secret is not a function"));
        expect((await bench.takes(tries + 1))[tries]).toMatchObject({ spec: { id: spec.id }, imageIndex: 0 });
        expect((await bench.record(spec.id)).state).toBe("running");
      }
      await bench.drain(3, MAX_TRIES - 1);
      expect(await bench.final(spec.id)).toMatchObject({ state: "completed" });
      expect(await bench.final(other.spec.id)).toMatchObject({ state: "completed" });
    });

    it("fails the job after the last try without exposing the error to clients, and the next job goes on", async () => {
      const bench = await open({}, 1);
      const { spec } = await bench.accept({ num_images: 2 });
      const other = await bench.accept();
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        (await bench.takes(tries + 1))[tries]!.fail(new TypeError("secret is not a function"));
      }
      const record = await bench.final(spec.id);
      expect(record).toMatchObject({ state: "failed", error: { code: "generation_failed" }, images: [] });
      expect(record!.error!.detail).not.toMatch(/secret/);
      await bench.drain(1, MAX_TRIES);
      expect(bench.taken.at(-1)!.spec.id).toBe(other.spec.id);
      expect(await bench.final(other.spec.id)).toMatchObject({ state: "completed" });
    });
  });
}
