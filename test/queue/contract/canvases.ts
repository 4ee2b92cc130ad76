import { describe, expect, it } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
import { EXAMPLE_EDIT } from "../example-job.js";
import { accepted, type Open, USER_CANCELLED } from "./harness.js";

/** What a job edits: it reaches every image of the job, unchanged, and counts in bytes until the job ends. */
export function canvasesContract(open: Open): void {
  const canvasOf = (sizeBytes: number) => new Uint8Array(sizeBytes).map((_, at) => (at * 7) % 256);

  describe("a canvas", () => {
    it("comes with each image of its job, byte for byte, and again with each try", async () => {
      const bench = await open({}, 2);
      const canvas = canvasOf(300_000);
      const { spec } = accepted(await bench.submitEdit(canvas, { num_images: 2 }));
      expect(spec.edit).toEqual(EXAMPLE_EDIT);
      const plain = await bench.accept();
      (await bench.takes(2))[0]!.fail(new Error("unexpected"));
      const [first, second, again] = await bench.takes(3);
      for (const image of [first!, second!, again!]) {
        expect(image.spec.id).toBe(spec.id);
        expect(Buffer.from(image.canvas!).equals(canvas)).toBe(true);
      }
      second!.complete();
      again!.complete();
      expect((await bench.final(spec.id))?.state).toBe("completed");
      const other = (await bench.takes(4))[3]!;
      expect(other.spec.id).toBe(plain.spec.id);
      expect(other).not.toHaveProperty("canvas");
      other.complete();
    });

    it("counts until its job ends, however it ends; a job that finds no room is refused and leaves nothing", async () => {
      const bench = await open({ maxCanvasBytes: 1000 }, 1);
      const running = accepted(await bench.submitEdit(canvasOf(600)));
      const [image] = await bench.takes(1);
      const full = { kind: "canvases_full", retryAfterS: expect.any(Number) };
      expect(await bench.submitEdit(canvasOf(401))).toEqual(full);
      const waiting = accepted(await bench.submitEdit(canvasOf(400)));
      expect(await bench.submitEdit(canvasOf(1))).toEqual(full);
      expect((await bench.submit()).kind).toBe("accepted");

      await bench.queue.cancel(waiting.spec.id, USER_CANCELLED);
      const late = accepted(await bench.submitEdit(canvasOf(400), { deadline_ms: 100 }));
      expect((await bench.final(late.spec.id))?.state).toBe("failed");
      const keyed = { key: "k", bodyHash: "h" };
      const again = () => {
        const job = { ...running.spec, id: bench.queue.newId() };
        return bench.queue.submit(job, keyed, undefined, canvasOf(400));
      };
      expect([(await again()).kind, (await again()).kind]).toEqual(["accepted", "existing"]);
      expect(await bench.submitEdit(canvasOf(1))).toEqual(full);

      image!.fail(new JobFailure({ code: "generation_failed", detail: "broken" }));
      await bench.final(running.spec.id);
      const last = accepted(await bench.submitEdit(canvasOf(600)));
      await bench.drain(3, 1);
      await bench.final(last.spec.id);
      expect((await bench.submitEdit(canvasOf(1000))).kind).toBe("accepted");
    });
  });
}
