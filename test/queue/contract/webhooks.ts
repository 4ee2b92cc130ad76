import { describe, expect, it } from "vitest";
import type { JobRecord } from "../../../src/job.js";
import { type Delivery, JobFailure, MAX_PENDING_WEBHOOKS } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { type Bench, type Open, type TakenImage, USER_CANCELLED } from "./harness.js";

const webhook_url = "https://example.com/hook";

/** Pending webhooks: no end of a job is lost, and none is due before its time. */
export function webhooksContract(open: Open): void {
  const LEASE_MS = 60_000;
  const take = async (bench: Bench, leaseMs = LEASE_MS): Promise<Delivery> =>
    eventually(async () => {
      const [delivery] = await bench.queue.webhooks.take(1, leaseMs);
      expect(delivery).toBeDefined();
      return delivery!;
    });
  const takesNone = async (bench: Bench) => expect(await bench.queue.webhooks.take(10, LEASE_MS)).toEqual([]);

  describe("the end of a job with a webhook", () => {
    it("is pending, however the job ended, with the job as it ended", async () => {
      const bench = await open({}, 1);
      const jobs = [];
      for (let i = 0; i < 3; i++) jobs.push((await bench.accept({ webhook_url, caller: "alice" })).spec.id);
      await takesNone(bench);
      await bench.drain(1);
      expect(await take(bench)).toEqual({ record: await bench.record(jobs[0]!), attempt: 1 });
      (await bench.takes(2))[1]!.fail(new JobFailure({ code: "generation_failed", detail: "broken" }));
      await bench.final(jobs[1]!);
      expect((await take(bench)).record).toMatchObject({ state: "failed", error: { detail: "broken" } });
      await bench.queue.cancel(jobs[2]!, USER_CANCELLED);
      expect((await take(bench)).record).toMatchObject({ spec: { id: jobs[2], webhook_url }, state: "cancelled" });
      await takesNone(bench);
    });

    it("has the progress that was shown of the job", async () => {
      const bench = await open({}, 1);
      const endWith = async (end: (image: TakenImage) => void): Promise<JobRecord> => {
        const image = bench.taken.length;
        const { id } = (await bench.accept({ webhook_url })).spec;
        const { context } = (await bench.takes(image + 1))[image]!;
        const isShown = bench.next(id, ({ progress }) => progress?.step === 3);
        context.progress(3, 8);
        await isShown;
        end(bench.taken[image]!);
        await bench.final(id);
        const { record } = await take(bench);
        expect(record).toEqual(await bench.record(id));
        return record;
      };
      expect((await endWith((image) => image.complete())).progress).toEqual({ step: 8, of: 8 });
      const failed = await endWith((image) =>
        image.fail(new JobFailure({ code: "generation_failed", detail: "broken" })),
      );
      expect(failed.progress).toEqual({ step: 3, of: 8 });
    });

    it("is not pending for a job without a webhook", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      await bench.drain(1);
      await bench.final(id);
      await takesNone(bench);
    });

    it("outlives the job and its images", async () => {
      const bench = await open({ resultTtlMs: 50 });
      const { id } = (await bench.accept({ webhook_url })).spec;
      await bench.drain(1);
      await eventually(async () => expect((await bench.queue.get(id)).kind).not.toBe("found"));
      expect((await take(bench)).record).toMatchObject({ spec: { id }, state: "completed", images: [{ width: 2 }] });
    });

    it("is due again when it is neither ended nor postponed within the lease", async () => {
      const bench = await open();
      await bench.accept({ webhook_url });
      await bench.drain(1);
      expect((await take(bench, 30)).attempt).toBe(1);
      expect((await take(bench, LEASE_MS)).attempt).toBe(2);
      await takesNone(bench);
    });

    it("is due again after a delay, and no longer once it is ended", async () => {
      const bench = await open();
      const { id } = (await bench.accept({ webhook_url })).spec;
      await bench.drain(1);
      await take(bench);
      await bench.queue.webhooks.postpone(id, 20, "used");
      expect((await take(bench)).attempt).toBe(2);
      await bench.queue.webhooks.postpone(id, 0, "unused");
      expect((await take(bench)).attempt).toBe(2);
      await bench.queue.webhooks.end(id);
      await bench.queue.webhooks.end(id);
      await bench.queue.webhooks.postpone(id, 0, "used");
      await takesNone(bench);
    });

    it("is taken once, however many processes look for it", async () => {
      const bench = await open({}, 20);
      for (let i = 0; i < 20; i++) await bench.accept({ webhook_url });
      await bench.drain(20);
      const taken: string[] = [];
      await eventually(async () => {
        const looks = Array.from({ length: 5 }, () => bench.queue.webhooks.take(3, LEASE_MS));
        for (const { record } of (await Promise.all(looks)).flat()) taken.push(record.spec.id);
        expect(taken).toHaveLength(20);
      });
      expect(new Set(taken).size).toBe(20);
    });
  });

  it("jobs with a webhook are refused while too many of the caller's webhooks are pending", async () => {
    const bench = await open({ maxQueuedImages: MAX_PENDING_WEBHOOKS + 10 }, 1);
    const end = async () => {
      const { id } = (await bench.accept({ webhook_url, caller: "alice" })).spec;
      await bench.queue.cancel(id, USER_CANCELLED);
      return id;
    };
    const first = await end();
    for (let i = 1; i < MAX_PENDING_WEBHOOKS; i++) await end();
    expect(await bench.submit({ webhook_url, caller: "alice" })).toEqual({ kind: "webhooks_backed_up" });
    expect((await bench.submit({ caller: "alice" })).kind).toBe("accepted");
    expect((await bench.submit({ webhook_url, caller: "bob" })).kind).toBe("accepted");
    await bench.queue.webhooks.end(first);
    expect((await bench.submit({ webhook_url, caller: "alice" })).kind).toBe("accepted");
  });
}
