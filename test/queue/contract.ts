import { afterEach, describe, expect, it } from "vitest";
import type { JobError, JobRecord, JobSpec, StoredImage } from "../../src/job.js";
import {
  type JobContext,
  JobFailure,
  type JobQueue,
  type JobSource,
  type SubmitResult,
} from "../../src/queue/queue.js";
import { exampleImages, exampleJob } from "./example-job.js";

export interface QueueLimits {
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
}

/** One queue as both sides see it. Several adapters made by one test must not see each other's jobs. */
export interface QueueUnderTest {
  readonly queue: JobQueue;
  readonly source: JobSource;
  close(): Promise<void>;
}

export type MakeQueue = (limits: QueueLimits) => Promise<QueueUnderTest>;

/** A job that the test's worker has taken; it ends when the test says so. */
interface TakenJob {
  readonly spec: JobSpec;
  readonly context: JobContext;
  complete(images?: readonly StoredImage[]): void;
  fail(error: unknown): void;
}

const USER_CANCELLED: JobError = { code: "job_cancelled", detail: "The client asked for it." };
const LONG_MS = 20_000;

/** What every adapter of the queue promises, whatever stores its jobs. */
export function queueContract(name: string, makeQueue: MakeQueue): void {
  describe(`${name}: queue contract`, () => {
    const opened: { close(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
    });

    async function open(limits: Partial<QueueLimits> = {}, maxImages = 4, models = ["demo"]) {
      const under = await makeQueue({ maxQueuedImages: 100, resultTtlMs: 60_000, maxResultBytes: 1e9, ...limits });
      opened.push(under);
      const taken: TakenJob[] = [];
      const started = new Set<() => void>();
      await under.source.start(models, maxImages, (spec, context) => {
        const images = new Promise<readonly StoredImage[]>((resolve, reject) => {
          taken.push({ spec, context, complete: (own) => resolve(own ?? exampleImages(spec)), fail: reject });
        });
        for (const tell of started) tell();
        return images;
      });
      /** Resolves once `count` jobs have been taken since the start. */
      const takes = (count: number) =>
        new Promise<TakenJob[]>((resolve) => {
          const check = () => {
            if (taken.length < count) return;
            started.delete(check);
            resolve(taken);
          };
          started.add(check);
          check();
        });
      return { ...under, taken, takes };
    }

    async function accept(queue: JobQueue, fields: Partial<JobSpec> = {}): Promise<JobRecord> {
      return accepted(await queue.submit(exampleJob(fields)));
    }

    function accepted(result: SubmitResult): JobRecord {
      if (result.kind !== "accepted") throw new Error(`The job was not accepted: ${result.kind}`);
      return result.record;
    }

    async function recordOf(queue: JobQueue, id: string): Promise<JobRecord> {
      const result = await queue.get(id);
      if (result.kind !== "found") throw new Error(`The job is ${result.kind}.`);
      return result.record;
    }

    describe("a job's way", () => {
      it("goes from queued to running to completed, with its images in order", async () => {
        const { queue, takes } = await open({}, 1);
        const spec = exampleJob({ num_images: 3, seed: 9 });
        const blocker = await accept(queue);
        const record = accepted(await queue.submit(spec));
        expect(record).toMatchObject({ spec, state: "queued", images: [] });
        (await takes(1))[0]!.complete();
        await queue.wait(blocker.spec.id, LONG_MS);
        const job = (await takes(2))[1]!;
        expect(job.spec).toEqual(spec);
        expect(await recordOf(queue, spec.id)).toMatchObject({ state: "running", startedAt: expect.any(Number) });
        expect(await queue.image(spec.id, 0)).toBeUndefined();
        job.complete();
        const done = await queue.wait(spec.id, LONG_MS);
        expect(done).toMatchObject({ state: "completed", finishedAt: expect.any(Number) });
        expect(done!.expiresAt! - done!.finishedAt!).toBeGreaterThan(59_000);
        expect(done!.images).toHaveLength(3);
        expect(done!.images[0]).toEqual({ width: 2, height: 3, timing: exampleImages(spec)[0]!.timing });
        for (const index of [0, 1, 2]) {
          const image = await queue.image(spec.id, index);
          expect(image?.contentType).toBe("image/png");
          expect(Array.from(image!.bytes)).toEqual([9, index]);
        }
        expect(await queue.image(spec.id, 3)).toBeUndefined();
        expect(await queue.image(spec.id, -1)).toBeUndefined();
      });

      it("ends failed with the handler's own error", async () => {
        const { queue, takes } = await open();
        const { spec } = await accept(queue);
        const error = { code: "generation_failed", detail: "The picture came out as NaN." };
        (await takes(1))[0]!.fail(new JobFailure(error));
        expect(await queue.wait(spec.id, LONG_MS)).toMatchObject({ state: "failed", error, images: [] });
      });

      it("hides an error that was not foreseen, and goes on with the next job", async () => {
        const { queue, takes } = await open({}, 1);
        const [first, second] = [await accept(queue), await accept(queue)];
        (await takes(1))[0]!.fail(new TypeError("secret is not a function"));
        const record = await queue.wait(first.spec.id, LONG_MS);
        expect(record).toMatchObject({ state: "failed", error: { code: "internal" } });
        expect(record!.error!.detail).not.toMatch(/secret/);
        (await takes(2))[1]!.complete();
        expect(await queue.wait(second.spec.id, LONG_MS)).toMatchObject({ state: "completed" });
      });

      it("fails a job whose handler returns another number of images", async () => {
        const { queue, takes } = await open();
        const { spec } = await accept(queue, { num_images: 2 });
        (await takes(1))[0]!.complete(exampleImages(exampleJob()));
        expect(await queue.wait(spec.id, LONG_MS)).toMatchObject({ state: "failed", images: [] });
      });

      it("shows progress while it runs", async () => {
        const { queue, takes } = await open();
        const { spec, progress } = await accept(queue);
        expect(progress).toBeUndefined();
        const [job] = await takes(1);
        const seen = nextRecord(queue, spec.id, (record) => record.progress !== undefined);
        job!.context.progress(3, 8);
        expect((await seen).progress).toEqual({ step: 3, of: 8 });
        job!.complete();
        await queue.wait(spec.id, LONG_MS);
        job!.context.progress(4, 8);
        expect((await recordOf(queue, spec.id)).state).toBe("completed");
      });

      it("tells a queued job's position in images", async () => {
        const { queue, takes } = await open({}, 1);
        await accept(queue);
        await takes(1);
        expect((await accept(queue, { num_images: 3 })).position).toBe(0);
        const last = await accept(queue);
        expect(last.position).toBe(3);
        await accept(queue, { priority: "high", num_images: 2 });
        expect((await recordOf(queue, last.spec.id)).position).toBe(5);
      });

      it("knows nothing of ids it never had", async () => {
        const { queue } = await open();
        expect(await queue.get("no-such-job")).toEqual({ kind: "unknown" });
        expect(await queue.image("no-such-job", 0)).toBeUndefined();
        expect(await queue.wait("no-such-job", LONG_MS)).toBeUndefined();
        expect(await queue.cancel("no-such-job", USER_CANCELLED)).toEqual({ kind: "unknown" });
        queue.subscribe("no-such-job", () => expect.unreachable())();
      });
    });

    describe("room", () => {
      it("refuses what is above the cap of waiting images, says when to retry, and takes again later", async () => {
        const { queue, takes } = await open({ maxQueuedImages: 4 }, 1);
        await accept(queue);
        await takes(1);
        await accept(queue, { num_images: 3 });
        const refused = await queue.submit(exampleJob({ num_images: 2 }));
        expect(refused).toEqual({ kind: "full", retryAfterS: expect.any(Number) });
        if (refused.kind === "full") expect(refused.retryAfterS).toBeGreaterThanOrEqual(1);
        const last = await accept(queue);
        expect(await queue.stats()).toMatchObject({ waitingImages: 4, runningImages: 1, maxQueuedImages: 4 });
        await queue.cancel(last.spec.id, USER_CANCELLED);
        expect((await queue.submit(exampleJob())).kind).toBe("accepted");
      });

      it("gives a worker another job only while fewer images run than it asked for", async () => {
        const { queue, takes, taken } = await open({}, 2);
        for (const num_images of [1, 3, 1]) await accept(queue, { num_images });
        await takes(2);
        expect(taken).toHaveLength(2);
        taken[0]!.complete();
        await queue.wait(taken[0]!.spec.id, LONG_MS);
        expect(taken).toHaveLength(2);
        taken[1]!.complete();
        expect((await takes(3))[2]!.spec.num_images).toBe(1);
      });

      it("keeps one model's jobs from holding up another's", async () => {
        const { queue, takes } = await open({}, 1, ["demo", "other"]);
        await accept(queue);
        await accept(queue);
        await accept(queue, { model: "other" });
        expect((await takes(2)).map(({ spec }) => spec.model)).toEqual(["demo", "other"]);
        expect((await queue.stats()).models).toEqual(expect.arrayContaining(["demo", "other"]));
      });

      it("refuses jobs of a model that nobody serves, and all before a worker has started", async () => {
        const { queue } = await open();
        expect(await queue.submit(exampleJob({ model: "other" }))).toEqual({ kind: "no_worker" });
        const idle = await makeQueue({ maxQueuedImages: 1, resultTtlMs: 1000, maxResultBytes: 1000 });
        opened.push(idle);
        expect(await idle.queue.submit(exampleJob())).toEqual({ kind: "no_worker" });
        expect((await idle.queue.stats()).models).toEqual([]);
      });
    });

    describe("priority", () => {
      /** Takes one job after another and returns their priorities in that order. */
      async function drain({ queue, takes, taken }: Awaited<ReturnType<typeof open>>, count: number) {
        for (let index = 0; index < count; index++) {
          const job = (await takes(index + 1))[index]!;
          job.complete();
          await queue.wait(job.spec.id, LONG_MS);
        }
        return taken.slice(1).map(({ spec }) => spec.priority);
      }

      it("lets high overtake and low wait, but starves nobody", async () => {
        const opened = await open({}, 1);
        await accept(opened.queue);
        await opened.takes(1);
        for (const priority of ["low", "normal", "high"] as const) {
          for (let count = 0; count < 20; count++) await accept(opened.queue, { priority });
        }
        const order = await drain(opened, 61);
        expect(order[0]).toBe("high");
        const half = order.slice(0, 20);
        const share = (priority: string) => half.filter((other) => other === priority).length;
        expect(share("high")).toBeGreaterThan(share("normal"));
        expect(share("normal")).toBeGreaterThan(share("low"));
        expect(share("low")).toBeGreaterThan(0);
      });

      it("is first come, first served within one priority", async () => {
        const opened = await open({}, 1);
        for (let seed = 0; seed < 6; seed++) await accept(opened.queue, { seed });
        await drain(opened, 6);
        expect(opened.taken.map(({ spec }) => spec.seed)).toEqual([0, 1, 2, 3, 4, 5]);
      });
    });

    describe("idempotency", () => {
      const idempotency = { key: "caller:key", bodyHash: "a" };

      it("finds the job of the first try, waiting, running or done, and takes no room for it", async () => {
        const { queue, takes } = await open({ maxQueuedImages: 1 }, 1);
        await accept(queue);
        await takes(1);
        const first = accepted(await queue.submit(exampleJob(), idempotency));
        const again = await queue.submit(exampleJob(), idempotency);
        expect(again).toMatchObject({ kind: "existing", record: { spec: { id: first.spec.id }, state: "queued" } });
        (await takes(1))[0]!.complete();
        (await takes(2))[1]!.complete();
        await queue.wait(first.spec.id, LONG_MS);
        expect(await queue.submit(exampleJob(), idempotency)).toMatchObject({
          kind: "existing",
          record: { spec: { id: first.spec.id }, state: "completed" },
        });
      });

      it("makes one job of requests that come at once", async () => {
        const { queue } = await open();
        const results = await Promise.all(Array.from({ length: 8 }, () => queue.submit(exampleJob(), idempotency)));
        expect(results.map(({ kind }) => kind).sort()).toEqual(["accepted", ...Array(7).fill("existing")]);
        expect(new Set(results.map((result) => "record" in result && result.record.spec.id)).size).toBe(1);
      });

      it("is a conflict with another body, and another job with another key", async () => {
        const { queue } = await open();
        await queue.submit(exampleJob(), idempotency);
        expect(await queue.submit(exampleJob(), { ...idempotency, bodyHash: "b" })).toEqual({ kind: "conflict" });
        expect((await queue.submit(exampleJob(), { key: "other:key", bodyHash: "a" })).kind).toBe("accepted");
      });

      it("forgets the key of a request that was refused", async () => {
        const { queue, takes } = await open({ maxQueuedImages: 1 }, 1);
        await accept(queue);
        await takes(1);
        const waiting = await accept(queue);
        expect((await queue.submit(exampleJob(), idempotency)).kind).toBe("full");
        await queue.cancel(waiting.spec.id, USER_CANCELLED);
        expect((await queue.submit(exampleJob(), { ...idempotency, bodyHash: "b" })).kind).toBe("accepted");
      });
    });

    describe("cancelling", () => {
      it("takes a waiting job out of the line", async () => {
        const { queue, takes } = await open({}, 1);
        const running = await accept(queue);
        const waiting = await accept(queue, { num_images: 2 });
        const next = await accept(queue);
        await queue.cancel(waiting.spec.id, USER_CANCELLED);
        expect(await queue.wait(waiting.spec.id, LONG_MS)).toMatchObject({ state: "cancelled", error: USER_CANCELLED });
        (await takes(1))[0]!.complete();
        expect((await takes(2))[1]!.spec.id).toBe(next.spec.id);
        expect((await queue.wait(running.spec.id, LONG_MS))?.state).toBe("completed");
      });

      it("aborts a running job's signal; its place is free once the handler has let go", async () => {
        const { queue, takes, taken } = await open({}, 1);
        const running = await accept(queue);
        const next = await accept(queue);
        const [job] = await takes(1);
        await queue.cancel(running.spec.id, USER_CANCELLED);
        expect(await queue.wait(running.spec.id, LONG_MS)).toMatchObject({ state: "cancelled", error: USER_CANCELLED });
        if (!job!.context.signal.aborted) {
          await new Promise((resolve) => job!.context.signal.addEventListener("abort", resolve));
        }
        expect(taken).toHaveLength(1);
        job!.fail(new JobFailure({ code: "job_cancelled", detail: "stopped" }));
        expect((await takes(2))[1]!.spec.id).toBe(next.spec.id);
        expect((await recordOf(queue, running.spec.id)).error).toEqual(USER_CANCELLED);
      });

      it("leaves a job that has ended as it ended", async () => {
        const { queue, takes } = await open();
        const { spec } = await accept(queue);
        (await takes(1))[0]!.complete();
        await queue.wait(spec.id, LONG_MS);
        expect(await queue.cancel(spec.id, USER_CANCELLED)).toMatchObject({
          kind: "found",
          record: { state: "completed" },
        });
        expect(await queue.image(spec.id, 0)).toBeDefined();
      });
    });

    describe("deadlines", () => {
      it("fail a job that waits past its own, and nobody else's", async () => {
        const { queue, takes } = await open({}, 1);
        await accept(queue);
        await takes(1);
        const late = await accept(queue, { deadline_at: Date.now() + 50 });
        const patient = await accept(queue, { deadline_at: Date.now() + 60_000 });
        const record = await queue.wait(late.spec.id, LONG_MS);
        expect(record).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } });
        expect(record!.finishedAt).toBeGreaterThanOrEqual(late.spec.deadline_at!);
        expect((await recordOf(queue, patient.spec.id)).position).toBe(0);
      });
    });

    describe("waiting and watching", () => {
      it("returns the record as it stands after the timeout, or when the caller gives up", async () => {
        const { queue, takes } = await open();
        const { spec } = await accept(queue);
        await takes(1);
        expect((await queue.wait(spec.id, 0))?.state).toBe("running");
        expect((await queue.wait(spec.id, 20))?.state).toBe("running");
        const caller = new AbortController();
        const waiting = queue.wait(spec.id, LONG_MS, caller.signal);
        caller.abort();
        expect((await waiting)?.state).toBe("running");
        expect((await queue.wait(spec.id, LONG_MS, caller.signal))?.state).toBe("running");
      });

      it("wakes everyone who waits", async () => {
        const { queue, takes } = await open();
        const { spec } = await accept(queue);
        const waiting = [queue.wait(spec.id, LONG_MS), queue.wait(spec.id, LONG_MS)];
        (await takes(1))[0]!.complete();
        for (const record of await Promise.all(waiting)) expect(record?.state).toBe("completed");
      });

      it("calls subscribers with the present record first, then every change until they leave", async () => {
        const { queue, takes } = await open({}, 1);
        const blocker = await accept(queue);
        const { spec } = await accept(queue);
        const seen: string[] = [];
        const left: string[] = [];
        queue.subscribe(spec.id, ({ state, progress }) => seen.push(progress ? `${state} ${progress.step}` : state));
        const leave = queue.subscribe(spec.id, ({ state }) => left.push(state));
        await nextRecord(queue, spec.id, () => true);
        leave();
        (await takes(1))[0]!.complete();
        const job = (await takes(2))[1]!;
        await nextRecord(queue, spec.id, ({ state }) => state === "running");
        job.context.progress(1, 2);
        await nextRecord(queue, spec.id, ({ progress }) => progress?.step === 1);
        job.complete();
        await nextRecord(queue, spec.id, ({ state }) => state === "completed");
        expect([...new Set(seen)]).toEqual(["queued", "running", "running 1", "completed 1"]);
        expect([...new Set(left)]).toEqual(["queued"]);
        expect((await queue.wait(blocker.spec.id, 0))?.state).toBe("completed");
      });
    });

    describe("results", () => {
      it("are gone after their time to live, and it is remembered that they were here", async () => {
        const { queue, takes } = await open({ resultTtlMs: 100 });
        const spec = exampleJob();
        await queue.submit(spec, { key: "k", bodyHash: "h" });
        (await takes(1))[0]!.complete();
        const record = await queue.wait(spec.id, LONG_MS);
        await new Promise((resolve) => setTimeout(resolve, record!.expiresAt! - Date.now() + 20));
        expect(await queue.get(spec.id)).toEqual({ kind: "expired" });
        expect(await queue.image(spec.id, 0)).toBeUndefined();
        expect(await queue.cancel(spec.id, USER_CANCELLED)).toEqual({ kind: "expired" });
        expect(await queue.wait(spec.id, LONG_MS)).toBeUndefined();
        expect((await queue.submit(exampleJob(), { key: "k", bodyHash: "other" })).kind).toBe("accepted");
      });

      it("stay within their bytes: the oldest finished go first, the newest always stays", async () => {
        const { queue, takes } = await open({ maxResultBytes: 250_000 }, 10);
        const records = [];
        for (let index = 0; index < 4; index++) {
          const { spec } = await accept(queue);
          (await takes(index + 1))[index]!.complete(exampleImages(spec, index === 3 ? 1_000_000 : 100_000));
          records.push(await queue.wait(spec.id, LONG_MS));
          const kinds = await Promise.all(records.map(async (record) => (await queue.get(record!.spec.id)).kind));
          expect(kinds).toEqual(
            [["found"], ["found", "found"], ["expired", "found", "found"], ["expired", "expired", "expired", "found"]][
              index
            ],
          );
        }
      });
    });

    describe("stopping", () => {
      it("takes nothing new and lets what runs finish within the grace", async () => {
        const { queue, source, takes } = await open();
        const { spec } = await accept(queue);
        const [job] = await takes(1);
        const stopped = source.stop(LONG_MS);
        expect(await queue.submit(exampleJob())).toEqual({ kind: "no_worker" });
        expect(job!.context.signal.aborted).toBe(false);
        job!.complete();
        await stopped;
        expect((await recordOf(queue, spec.id)).state).toBe("completed");
      });

      it("aborts what still runs when the grace is over", async () => {
        const { queue, source, takes } = await open();
        await accept(queue);
        const [job] = await takes(1);
        job!.context.signal.addEventListener("abort", () =>
          job!.fail(new JobFailure({ code: "job_cancelled", detail: "x" })),
        );
        await source.stop(30);
        expect(job!.context.signal.aborted).toBe(true);
      });
    });
  });
}

/** The first record that fits, from now on. */
function nextRecord(queue: JobQueue, id: string, fits: (record: JobRecord) => boolean): Promise<JobRecord> {
  return new Promise((resolve) => {
    let leave = () => {};
    let found = false;
    leave = queue.subscribe(id, (record) => {
      if (found || !fits(record)) return;
      found = true;
      queueMicrotask(() => leave());
      resolve(record);
    });
  });
}
