import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { JobIds } from "../../../src/queue/job-ids.js";
import { FinishRate } from "../../../src/queue/local/caller-limits.js";
import { KeptResults } from "../../../src/queue/local/kept-results.js";
import { LocalQueue } from "../../../src/queue/local/local-queue.js";
import { WaitingLine } from "../../../src/queue/local/waiting-line.js";
import { WorkerUnfit } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { queueContract } from "../contract.js";
import { exampleImageOf, exampleJob, exampleSpec } from "../example-job.js";

queueContract("local", async (limits) => {
  const queue = new LocalQueue(limits);
  return { queue, source: queue, close: () => queue.close() };
});

describe("LocalQueue", () => {
  const options = { maxQueuedImages: 10, resultTtlMs: 60_000, maxResultBytes: 1e6, maxCanvasBytes: 1e6 };

  it("runs waiting images until the grace ends, since no other process can, and cancels the rest", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const queue = new LocalQueue(options);
    const specs = Array.from({ length: 6 }, () => exampleJob());
    await queue.start(["demo"], 1, async (task) => {
      await new Promise((resolve) => setTimeout(resolve, task.spec.id === specs[3]!.id ? 60_000 : 5));
      return exampleImageOf(task);
    });
    for (const spec of specs) await queue.submit(spec);
    const stopped = queue.stop(300);
    await vi.advanceTimersByTimeAsync(300);
    await stopped;
    const ends = await Promise.all(specs.map(({ id }) => queue.wait(id, 0)));
    expect(ends.map((record) => record?.state)).toEqual([
      "completed",
      "completed",
      "completed",
      "cancelled",
      "cancelled",
      "cancelled",
    ]);
    expect(ends[5]?.error?.code).toBe("shutting_down");
    await queue.close();
  });

  it("cancels the jobs that its only worker is unfit for, and all that wait behind them", async () => {
    const queue = new LocalQueue(options);
    await queue.start(["demo"], 1, async () => {
      throw new WorkerUnfit("The engine is lost.");
    });
    const specs = Array.from({ length: 3 }, () => exampleJob({ num_images: 2 }));
    for (const spec of specs) await queue.submit(spec);
    for (const { id } of specs) {
      expect(await queue.wait(id, 5000)).toMatchObject({ state: "cancelled", error: { code: "shutting_down" } });
    }
    expect((await queue.stats()).waitingImages).toBe(0);
    await queue.close();
  });

  it("goes on when a subscriber throws", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => warn.mockRestore());
    const queue = new LocalQueue(options);
    await queue.start(["demo"], 1, async (task) => exampleImageOf(task));
    const spec = exampleJob();
    await queue.submit(spec);
    queue.subscribe(spec.id, {
      onChange() {
        throw new Error("The subscriber broke.");
      },
    });
    expect((await queue.wait(spec.id, 1000))?.state).toBe("completed");
    expect(String(warn.mock.lastCall)).toMatch(/subscriber broke/);
    await eventually(async () => expect((await queue.stats()).runningImages).toBe(0));
    await queue.close();
  });

  it("keeps its books: any mix of jobs, cancellations and failures leaves nothing waiting or running", async () => {
    const queue = new LocalQueue({ ...options, maxQueuedImages: 20, maxResultBytes: 1e9 });
    let random = 1;
    const next = (below: number) => {
      random = (random * 48_271) % 2_147_483_647;
      return random % below;
    };
    await queue.start(["a", "b"], 5, async (task, { signal }) => {
      await new Promise((resolve) => setTimeout(resolve, next(4)));
      if (next(5) === 0) throw new Error("broken");
      if (signal.aborted) throw new Error("aborted");
      return exampleImageOf(task);
    });
    const ids: string[] = [];
    for (let count = 0; count < 400; count++) {
      const spec = exampleJob({
        model: next(2) ? "a" : "b",
        num_images: 1 + next(7),
        priority: (["low", "normal", "high"] as const)[next(3)]!,
        ...(next(4) === 0 ? { deadline_ms: next(5) } : {}),
      });
      if ((await queue.submit(spec)).kind === "accepted") ids.push(spec.id);
      if (next(3) === 0) await queue.cancel(ids[next(ids.length)]!, { code: "job_cancelled", detail: "x" });
      const { waitingImages } = await queue.stats();
      expect(waitingImages).toBeLessThanOrEqual(20);
      expect(waitingImages).toBeGreaterThanOrEqual(0);
      if (next(4) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const id of ids) expect((await queue.wait(id, 5000))?.finishedAt, id).toBeDefined();
    await eventually(async () => expect((await queue.stats()).runningImages).toBe(0));
    expect((await queue.stats()).waitingImages).toBe(0);
    await queue.close();
  });
});

describe("WaitingLine", () => {
  it("gives a level that was empty no claim to the past", () => {
    const line = new WaitingLine();
    line.add(exampleSpec({ priority: "low", num_images: 200 }));
    for (let count = 0; count < 100; count++) line.take();
    line.add(exampleSpec({ priority: "high", num_images: 100 }));
    const drawn = Array.from({ length: 20 }, () => line.take()!.spec.priority);
    expect(drawn.filter((priority) => priority === "low").length).toBeGreaterThan(0);
  });

  it("gives positions that come true if no other job comes", () => {
    const line = new WaitingLine();
    const specs = ["a", "b", "a", "c", "b", "a"].map((caller, index) =>
      exampleSpec({ caller, num_images: 1 + ((index * 5) % 4), priority: index === 4 ? "high" : "normal" }),
    );
    for (const spec of specs) line.add(spec);
    line.requeue({ spec: exampleSpec(), imageIndex: 0 });
    const given = specs.map((spec) => line.imagesAhead(spec));
    const order: string[] = [];
    for (let task = line.take(); task; task = line.take()) order.push(`${task.spec.id} ${task.imageIndex}`);
    for (const [index, { id, priority }] of specs.entries()) {
      if (priority === "high") expect(order.indexOf(`${id} 0`)).toBe(given[index]);
      // A higher level takes most turns, not all: the given position is the worst.
      else expect(order.indexOf(`${id} 0`)).toBeLessThanOrEqual(given[index]!);
    }
    const normal = specs.filter(({ priority }) => priority === "normal");
    for (const spec of normal) line.add(spec);
    const exact = normal.map((spec) => line.imagesAhead(spec));
    const served: string[] = [];
    for (let task = line.take(); task; task = line.take()) served.push(`${task.spec.id} ${task.imageIndex}`);
    expect(normal.map(({ id }) => served.indexOf(`${id} 0`))).toEqual(exact);
  });

  it("removes all that waits of a job and nothing else", () => {
    const line = new WaitingLine();
    const [gone, stays] = [exampleSpec({ num_images: 3 }), exampleSpec()];
    line.add(gone);
    line.add(stays);
    const first = line.take()!;
    line.requeue(first);
    expect(line.remove(gone)).toBe(3);
    expect(line.remove(gone)).toBe(0);
    expect(line.take()).toEqual({ spec: stays, imageIndex: 0 });
    expect(line.take()).toBeUndefined();
    expect(line.remove(stays)).toBe(0);
  });
});

describe("FinishRate", () => {
  it("divides the images that must go by the measured rate", () => {
    const rate = new FinishRate();
    for (let second = 0; second < 10; second++) rate.record(2, second * 1000);
    expect(rate.secondsFor(20, 10_000)).toBe(10);
    expect(rate.secondsFor(1, 10_000)).toBe(1);
    expect(rate.secondsFor(1e9, 10_000)).toBe(300);
  });

  it("forgets what is older than a minute, and guesses without measurements", () => {
    const rate = new FinishRate();
    expect(rate.secondsFor(1)).toBe(5);
    rate.record(1000, 0);
    rate.record(1, 59_000);
    expect(rate.secondsFor(1, 70_000)).toBe(11);
    expect(rate.secondsFor(1, 200_000)).toBe(5);
  });
});

describe("KeptResults", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("forgets by itself when the time is over", () => {
    const gone: string[] = [];
    const kept = new KeptResults(1000, 1e9, (id) => gone.push(id));
    kept.keep("a", 1);
    vi.advanceTimersByTime(500);
    expect(kept.keep("b", 1)).toBe(Date.now() + 1000);
    vi.advanceTimersByTime(500);
    expect(gone).toEqual(["a"]);
    vi.advanceTimersByTime(500);
    expect(gone).toEqual(["a", "b"]);
  });

  it("bounds jobs without images, too", () => {
    let count = 0;
    const kept = new KeptResults(1e12, 4096 * 10, () => count++);
    for (let index = 0; index < 1000; index++) kept.keep(`job-${index}`, 0);
    expect(count).toBe(990);
    kept.close();
  });
});

describe("JobIds", () => {
  it("know their own, and those of the same secret", () => {
    const secret = new Uint8Array(32).fill(1);
    const [ids, same, other] = [new JobIds(secret), new JobIds(secret), new JobIds()];
    const id = ids.next();
    expect([ids.isOwn(id), same.isOwn(id), other.isOwn(id)]).toEqual([true, true, false]);
    const digit = id.at(-1) === "0" ? "1" : "0";
    expect(ids.isOwn(id.slice(0, -1) + digit)).toBe(false);
    for (const odd of ["", "job_", id.toUpperCase(), `${id} `]) expect(ids.isOwn(odd)).toBe(false);
  });
});
