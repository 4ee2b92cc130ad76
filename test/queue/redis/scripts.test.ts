import { describe, expect, it } from "vitest";
import { type Call, Scripts } from "../../../src/queue/redis/scripts.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { redisDeployments } from "./redis-deployment.js";

const TTL_MS = 60_000;
const MAX_BYTES = 1e9;
const ALIVE_MS = 60_000;
const FAILURE = '{"code":"x","detail":"y"}';

const deployment = redisDeployments();

/** Single steps, for orders of events that a test can't bring about through the port. */
function steps() {
  const { client, redisPrefix } = deployment();
  const scripts = new Scripts(client, redisPrefix);
  const call = (name: Call, ...args: (string | number | Uint8Array)[]) => scripts.call(name, ...args);
  const split = (image: string) => image.split("/") as [id: string, index: string];
  return {
    client,
    redisPrefix,
    call,
    async submit(id: string, { caller = "", images = 1 } = {}): Promise<unknown> {
      const nothing = ["", "", "", "", "", "", 0];
      return call("submit", id, "demo", "normal", caller, images, JSON.stringify({ id }), "", 1000, ...nothing);
    },
    serve: (worker: string, aliveMs = ALIVE_MS, paused: 0 | 1 = 0) =>
      call("serve", worker, "{}", aliveMs, paused, "demo"),
    /** "id/index what" of the image that the run of a lease got. */
    async take(lease: string, run = 1, worker = "w"): Promise<string | undefined> {
      const task = (await call("take", "demo", lease, run, worker, TTL_MS, MAX_BYTES)) as string[] | null;
      return task ? `${task[0]}/${task[1]} ${task[2]}` : undefined;
    },
    begin: (lease: string, run: number) => call("begin", "demo", lease, run),
    finish(lease: string, image: string): Promise<unknown> {
      const result = [Buffer.from([1, 2, 3]), "image/png", '{"width":1}', 0] as const;
      return call("finish", "demo", lease, ...split(image), ...result, TTL_MS, MAX_BYTES);
    },
    release: (lease: string, run: number, image: string, why: "failed" | "error" | "handed_back") =>
      call("release", "demo", lease, run, ...split(image), why, FAILURE, TTL_MS, MAX_BYTES),
    state: async (id: string) => ((await call("view", id)) as string[] | null)?.[1],
    /** Waiting and running images. */
    books: async () => ((await call("stats")) as unknown[]).slice(0, 2),
  };
}

describe("a call that is sent again because its answer was lost", () => {
  it("finds what the first did", async () => {
    const { serve, submit, take, finish, release, state, books } = steps();
    await serve("w");
    await submit("a", { images: 3 });
    for (let times = 0; times < 2; times++) expect(await take("1")).toBe("a/0 run");
    for (let times = 0; times < 2; times++) await finish("1", "a/0");
    expect(await take("2")).toBe("a/1 run");
    expect([await release("2", 1, "a/1", "error"), await release("2", 1, "a/1", "error")]).toEqual([1, 0]);
    expect(await books()).toEqual([2, 0]);
    expect([await take("3"), await take("4")]).toEqual(["a/1 run", "a/2 run"]);
    await finish("3", "a/1");
    await finish("4", "a/2");
    expect(await take("5")).toBeUndefined();
    expect(await state("a")).toBe("completed");
    expect(await books()).toEqual([0, 0]);
  });
});

describe("the image of a lease that stalled", () => {
  it("stays the lease's; after two deaths it must be alone, and after three its job fails", async () => {
    const { serve, submit, take, begin, state, books } = steps();
    await serve("w");
    await submit("a");
    await submit("b");
    expect(await take("1", 1)).toBe("a/0 run");
    expect(await take("1", 2)).toBe("a/0 run");
    expect(await take("1", 3)).toBe("a/0 run_alone");
    await begin("1", 3);
    expect(await take("1", 4)).toBe("a/0 given_up");
    expect(await state("a")).toBe("failed");
    expect(await take("2")).toBe("b/0 run");
    expect(await books()).toEqual([0, 1]);
  });

  it("loses no try while it has not begun, nor when it is handed back", async () => {
    const { serve, submit, take, begin, release, state } = steps();
    await serve("w");
    await submit("a");
    for (let run = 1; run <= 2; run++) await take("1", run);
    for (let run = 3; run <= 8; run++) expect(await take("1", run)).toBe("a/0 run_alone");
    for (let lease = 2; lease <= 8; lease++) {
      expect(await release(lease === 2 ? "1" : `${lease - 1}`, lease === 2 ? 8 : 1, "a/0", "handed_back")).toBe(1);
      expect(await take(`${lease}`)).toBe("a/0 run_alone");
      await begin(`${lease}`, 1);
    }
    expect(await state("a")).toBe("running");
    expect(await release("8", 1, "a/0", "error")).toBe(0);
    expect(await state("a")).toBe("failed");
  });

  it("may still come from the silent worker, before or while another makes it", async () => {
    const { serve, submit, take, finish, release, state, books } = steps();
    await serve("w");
    await submit("a", { images: 2 });
    expect([await take("1"), await take("2")]).toEqual(["a/0 run", "a/1 run"]);
    expect([await take("1", 2), await take("2", 2)]).toEqual(["a/0 run", "a/1 run"]);
    // The other worker hands the first one back; then the silent one brings both.
    expect(await release("1", 2, "a/0", "handed_back")).toBe(1);
    await finish("1", "a/0");
    expect(await books()).toEqual([0, 1]);
    await finish("2", "a/1");
    expect(await state("a")).toBe("completed");
    await finish("2", "a/1");
    expect(await release("2", 2, "a/1", "error")).toBe(0);
    expect(await books()).toEqual([0, 0]);
  });
});

describe("a run of before Redis was emptied", () => {
  it("changes nothing for the image of a lease that now has its name", async () => {
    const { serve, submit, take, finish, release, state, books } = steps();
    await serve("w");
    await submit("b");
    expect(await take("1")).toBe("b/0 run");
    await finish("1", "a/0");
    for (const why of ["failed", "error", "handed_back"] as const) expect(await release("1", 1, "a/0", why)).toBe(0);
    expect([await state("b"), await books()]).toEqual(["running", [0, 1]]);
  });
});

describe("a worker that was silent for too long", () => {
  it("stays paused as it knows itself; one that is known is as an operator has it", async () => {
    const { serve, client, redisPrefix } = steps();
    const paused = () => client.hexists(`${redisPrefix}::worker:w`, "paused");
    expect(await serve("w", 1, 1)).toBe(1);
    await eventually(async () => expect(await paused()).toBe(0));
    expect(await serve("w", ALIVE_MS, 1)).toBe(1);
    await client.hdel(`${redisPrefix}::worker:w`, "paused");
    expect(await serve("w", ALIVE_MS, 1)).toBe(0);
    expect(await paused()).toBe(0);
  });
});

describe("the line", () => {
  it("is first come, first served among callers with equal turns", async () => {
    const { serve, submit, take } = steps();
    await serve("w");
    for (const caller of ["c", "a", "b"]) await submit(`job-${caller}`, { caller });
    expect([await take("1"), await take("2"), await take("3")]).toEqual(["job-c/0 run", "job-a/0 run", "job-b/0 run"]);
  });
});

describe("the sweep", () => {
  it("is done by one of many processes at a time", async () => {
    const { serve, submit, call } = steps();
    await serve("w");
    await submit("a");
    const sweeps = await Promise.all(Array.from({ length: 5 }, () => call("sweep", 60_000, TTL_MS, MAX_BYTES)));
    expect(sweeps.filter((queues) => (queues as unknown[]).length > 0)).toEqual([[["demo", 1, []]]]);
  });
});

describe("the queue in Redis", () => {
  it("holds to the cap, however many API processes accept at once", async () => {
    const { api, worker } = deployment();
    const queues = [await api(50), await api(50), await api(50)];
    await worker(1, () => new Promise(() => {}));
    const submits = Array.from({ length: 300 }, (_, index) => {
      const queue = queues[index % 3]!;
      return queue.submit(exampleJob({ id: queue.newId() }));
    });
    const kinds = (await Promise.all(submits)).map(({ kind }) => kind);
    const accepted = kinds.filter((kind) => kind === "accepted").length;
    // One more for each image that was taken meanwhile.
    expect([50, 51]).toContain(accepted);
    expect(kinds.filter((kind) => kind === "full")).toHaveLength(300 - accepted);
  });

  it("keeps its books and leaves only fixed keys: any mix of ends, errors, cancellations and workers that leave", async () => {
    const { api, worker, client, redisPrefix, leases } = deployment();
    let random = 7;
    const next = (below: number) => {
      random = (random * 48_271) % 2_147_483_647;
      return random % below;
    };
    const queue = await api(30);
    const open = () =>
      worker(4, async (task, { signal }) => {
        await new Promise((resolve) => setTimeout(resolve, next(4)));
        if (next(5) === 0) throw new Error("unexpected");
        signal.throwIfAborted();
        return exampleImageOf(task);
      });
    let [one, other] = [await open(), await open()];
    const ids: string[] = [];
    for (let step = 0; step < 300; step++) {
      const priority = (["high", "normal", "low"] as const)[next(3)]!;
      const late = next(6) === 0 ? { deadline_ms: next(5) } : {};
      const spec = exampleJob({ id: queue.newId(), priority, caller: `c${next(3)}`, num_images: 1 + next(4), ...late });
      if ((await queue.submit(spec)).kind === "accepted") ids.push(spec.id);
      if (next(4) === 0) await queue.cancel(ids[next(ids.length)]!, { code: "job_cancelled", detail: "x" });
      if (next(60) === 0) {
        await one.stop(0);
        [one, other] = [other, await open()];
      }
      if (next(3) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const id of ids) expect((await queue.wait(id, 20_000))?.finishedAt, id).toBeDefined();
    await eventually(async () => expect(await queue.stats()).toMatchObject({ waitingImages: 0, runningImages: 0 }));
    await eventually(async () =>
      expect(await leases().getJobCounts("waiting", "active")).toEqual({ waiting: 0, active: 0 }),
    );
    const forever: string[] = [];
    for (const key of await client.keys(`${redisPrefix}::*`)) if ((await client.ttl(key)) === -1) forever.push(key);
    const fixed = [
      "counts",
      "kept",
      "line:demo@3",
      "queues",
      "rate",
      "secret",
      "serving:demo",
      "serving:demo@2",
      "serving:demo@3",
    ];
    expect(forever.sort()).toEqual(fixed.map((name) => `${redisPrefix}::${name}`));
    const line = await client.hgetall(`${redisPrefix}::line:demo@3`);
    for (const name of ["waiting", "waiting:high", "waiting:normal", "waiting:low"]) expect(line[name], name).toBe("0");
  });

  it("refuses new jobs while memory is used up, and lets running ones end", async () => {
    const { api, worker, client } = deployment();
    const queue = await api();
    let finish = () => {};
    await worker(1, async (task) => {
      await new Promise<void>((resolve) => (finish = resolve));
      return exampleImageOf(task);
    });
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    await eventually(async () => expect((await queue.stats()).runningImages).toBe(1));
    await client.config("SET", "maxmemory", 1);
    try {
      await expect(queue.submit(exampleJob({ id: queue.newId() }))).rejects.toThrow(/OOM/);
      finish();
      expect(await queue.wait(spec.id, 20_000)).toMatchObject({ state: "completed" });
    } finally {
      await client.config("SET", "maxmemory", 0);
    }
  });
});
