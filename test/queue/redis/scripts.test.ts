import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Call, Scripts } from "../../../src/queue/redis/scripts.js";
import { type RedisServer, startRedis } from "../redis-server.js";

const TTL_MS = 60_000;
const MAX_BYTES = 1e9;
const ALIVE_MS = 60_000;

let server: RedisServer;
let client: Redis;
let scripts: Scripts;

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
  scripts = new Scripts(client, "test");
});
afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});
beforeEach(() => client.flushall());

const call = (name: Call, ...args: (string | number | Uint8Array)[]) => scripts.call(name, ...args);

interface Job {
  readonly level?: string;
  readonly caller?: string;
  readonly images?: number;
  readonly deadline?: number;
  readonly cap?: number;
}

async function submit(id: string, job: Job = {}): Promise<[string, unknown]> {
  const { level = "normal", caller = "", images = 1, deadline = "", cap = 1000 } = job;
  const spec = JSON.stringify({ id });
  return (await call("submit", id, "demo", level, caller, images, spec, deadline, cap, "", "")) as [string, unknown];
}

const beat = (worker: string, aliveMs = ALIVE_MS, paused: 0 | 1 = 0) =>
  call("beat", worker, "{}", aliveMs, aliveMs, paused, "demo");

async function take(worker: string, lane: number): Promise<string | undefined> {
  return named(await call("take", "demo", worker, `demo/${lane}`));
}

async function finish(worker: string, lane: number, image: string, goOn = false): Promise<string | undefined> {
  const [id, index] = image.split("/");
  const bytes = Buffer.from([1, 2, 3]);
  const own = ["demo", worker, `demo/${lane}`, id!, index!, bytes, "image/png", '{"width":1}', 0] as const;
  return named(await call("finish", ...own, goOn ? 1 : 0, TTL_MS, MAX_BYTES));
}

function release(worker: string, lane: number, image: string, counts: string): Promise<unknown> {
  const [id, index] = image.split("/");
  return call("release", worker, `demo/${lane}`, id!, index!, counts, '{"code":"x","detail":"y"}', TTL_MS, MAX_BYTES);
}

/** "id/index" of a task. */
function named(reply: unknown): string | undefined {
  return reply ? `${(reply as string[])[0]}/${(reply as string[])[1]}` : undefined;
}

async function state(id: string): Promise<string | undefined> {
  return ((await call("view", id)) as string[] | null)?.[1];
}

/** Tokens that wait in BullMQ's list, put there by hand. */
const addTokens = (count: number) =>
  client.rpush("test:demo:wait", ...Array.from({ length: count }, (_, index) => `${index}`));
const tokens = () => client.llen("test:demo:wait");
const sweep = async () => {
  await client.del("test::swept");
  return call("sweep", 1, TTL_MS, MAX_BYTES);
};
const books = async () => ((await call("stats")) as unknown[]).slice(0, 2);

describe("lanes", () => {
  beforeEach(() => beat("w"));

  it("give a repeated call what the first one got", async () => {
    await submit("a", { images: 2 });
    expect(await take("w", 0)).toBe("a/0");
    expect(await take("w", 0)).toBe("a/0");
    expect(await finish("w", 0, "a/0", true)).toBe("a/1");
    expect(await finish("w", 0, "a/0", true)).toBe("a/1");
    expect(await finish("w", 0, "a/1", true)).toBeUndefined();
    expect(await finish("w", 0, "a/1", true)).toBeUndefined();
    expect(await state("a")).toBe("completed");
    expect(await books()).toEqual([0, 0]);
  });

  it("draw the next image in place of a token that waits", async () => {
    await submit("a", { images: 3 });
    await addTokens(3);
    await client.rpop("test:demo:wait");
    await take("w", 0);
    await finish("w", 0, "a/0", true);
    expect(await tokens()).toBe(1);
    await finish("w", 0, "a/1", true);
    await finish("w", 0, "a/2", true);
    expect(await tokens()).toBe(0);
  });

  it("take nothing while the queue is paused", async () => {
    await submit("a");
    await client.hset("test:demo:meta", "paused", 1);
    expect(await take("w", 0)).toBeUndefined();
    await client.hdel("test:demo:meta", "paused");
    expect(await take("w", 0)).toBe("a/0");
  });
});

describe("a worker that dies", () => {
  it("has its images made elsewhere first, until three have died of one", async () => {
    await beat("alive");
    await submit("a");
    await submit("b");
    for (const [deaths, worker] of ["w1", "w2", "w3"].entries()) {
      await beat(worker, 1);
      const task = (await call("take", "demo", worker, "demo/0")) as [string, string, number];
      const mustBeAlone = deaths < 2 ? 0 : 1;
      expect(task.slice(0, 3)).toEqual(["a", 0, mustBeAlone]);
      if (mustBeAlone) await call("hold", worker, "demo/0", "a", 0, 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const missing = await sweep();
      expect(missing).toEqual(["demo", deaths < 2 ? 2 : 1]);
    }
    expect(await state("a")).toBe("failed");
    expect(await take("alive", 0)).toBe("b/0");
    expect(await books()).toEqual([0, 1]);
    expect(await client.keys("test::lanes:w*")).toEqual([]);
  });

  it("before an image could begin costs it no try", async () => {
    await beat("alive");
    await submit("a");
    for (const worker of ["w1", "w2", "w3", "w4"]) {
      await beat(worker, 1);
      expect(await take(worker, 0)).toBe("a/0");
      // Held as those are that must run alone, or that must wait for one that does.
      if (worker < "w3") await call("hold", worker, "demo/0", "a", 0, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await sweep();
      expect(await state("a")).toBe("running");
    }
  });

  it("but was only silent may still bring its image, before or while another makes it", async () => {
    await beat("alive");
    await submit("a", { images: 2 });
    await beat("w", 1);
    expect(await take("w", 0)).toBe("a/0");
    expect(await take("w", 1)).toBe("a/1");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await sweep();
    expect(await books()).toEqual([2, 0]);
    await finish("w", 0, "a/0");
    expect(await books()).toEqual([1, 0]);
    expect(await take("alive", 0)).toBe("a/1");
    await finish("w", 1, "a/1");
    expect(await state("a")).toBe("completed");
    await finish("alive", 0, "a/1");
    expect(await books()).toEqual([0, 0]);
  });

  it("but was only silent stays paused as it knows itself; one that is known is as an operator has it", async () => {
    const paused = () => client.hexists("test::worker:w", "paused");
    expect(await beat("w", 1, 1)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await sweep();
    expect(await paused()).toBe(0);
    expect(await beat("w", ALIVE_MS, 1)).toBe(1);
    await client.hdel("test::worker:w", "paused");
    expect(await beat("w", ALIVE_MS, 1)).toBe(0);
    expect(await paused()).toBe(0);
  });

  it("that left hands its images back without a try", async () => {
    await submit("x");
    for (let count = 0; count < 5; count++) {
      await beat("w");
      if (count === 0) await submit("a");
      expect(await take("w", 0)).toBe("a/0");
      await call("leave", "w", TTL_MS, MAX_BYTES);
    }
    expect(await state("a")).toBe("running");
  });
});

describe("the line", () => {
  beforeEach(() => beat("w"));

  it("is first come, first served among callers whose turn is the same", async () => {
    for (const caller of ["c", "a", "b"]) await submit(`job-${caller}`, { caller });
    const order = [await take("w", 0), await take("w", 1), await take("w", 2)];
    expect(order).toEqual(["job-c/0", "job-a/0", "job-b/0"]);
  });

  it("lets nobody push others out by coming back again and again", async () => {
    await submit("large", { caller: "a", images: 10 });
    let large = 0;
    for (let round = 0; round < 8; round++) {
      // The next one comes only once the last is done.
      await submit(`small-${round}`, { caller: "b" });
      for (let image = ""; image !== `small-${round}/0`; ) {
        image = (await take("w", 0))!;
        if (image.startsWith("large/")) large++;
        await finish("w", 0, image);
      }
    }
    expect(large).toBe(8);
  });

  it("holds to the cap, whoever submits at once", async () => {
    const others = Array.from({ length: 8 }, () => client.duplicate());
    const each = others.map((other) => new Scripts(other, "test"));
    const all = Array.from({ length: 400 }, (_, index) =>
      each[index % 8]!.call("submit", `job-${index}`, "demo", "normal", "", 1, "{}", "", 50, "", ""),
    );
    const kinds = (await Promise.all(all)).map((reply) => (reply as string[])[0]);
    for (const other of others) other.disconnect();
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(50);
    expect(kinds.filter((kind) => kind === "full")).toHaveLength(350);
    expect(await books()).toEqual([50, 0]);
  });

  it("keeps its books and leaves only fixed keys: any mix of takes, ends, cancellations and deaths", async () => {
    let random = 7;
    const next = (below: number) => {
      random = (random * 48_271) % 2_147_483_647;
      return random % below;
    };
    const lanes = new Map<number, string>();
    for (let step = 0; step < 4000; step++) {
      const lane = next(4);
      const held = lanes.get(lane);
      const action = next(10);
      const level = ["high", "normal", "low"][next(3)]!;
      if (action < 3) await submit(`job-${step}`, { level, caller: `c${next(3)}`, images: 1 + next(4), cap: 30 });
      else if (action < 6 && !held) lanes.set(lane, (await take("w", lane)) ?? "");
      else if (action < 8 && held) lanes.set(lane, (await finish("w", lane, held, next(2) === 0)) ?? "");
      else if (action === 8 && held) {
        await release("w", lane, held, ["try", "nothing", "end"][next(3)]!);
        lanes.set(lane, "");
      } else if (action === 9) {
        await call("cancel", `job-${next(step + 1)}`, '{"code":"x","detail":"y"}', TTL_MS, MAX_BYTES);
        if (next(20) === 0) {
          await call("leave", "w", TTL_MS, MAX_BYTES);
          await beat("w");
          lanes.clear();
        }
      }
    }
    for (const [lane, held] of lanes) if (held) await finish("w", lane, held);
    for (let image = await take("w", 0); image; ) image = await finish("w", 0, image, true);
    expect(await books()).toEqual([0, 0]);
    const forever: string[] = [];
    for (const key of await client.keys("test::*")) if ((await client.ttl(key)) === -1) forever.push(key);
    const fixed = ["counts", "kept", "line:demo", "queues", "rate", "serving:demo", "worker:w", "workers"];
    expect(forever.sort()).toEqual(fixed.map((name) => `test::${name}`));
    expect(await client.hgetall("test::line:demo")).toMatchObject({
      waiting: "0",
      running: "0",
      "waiting:high": "0",
      "waiting:normal": "0",
      "waiting:low": "0",
    });
  });
});

describe("memory", () => {
  it("used up refuses new jobs and lets accepted ones end", async () => {
    await beat("w");
    await submit("a", { images: 2 });
    await client.config("SET", "maxmemory", 1);
    try {
      await expect(submit("b")).rejects.toThrow(/OOM/);
      expect(await take("w", 0)).toBe("a/0");
      await beat("w");
      expect(await finish("w", 0, "a/0", true)).toBe("a/1");
      await finish("w", 0, "a/1");
      expect(await sweep()).toEqual([]);
    } finally {
      await client.config("SET", "maxmemory", 0);
    }
    expect(await state("a")).toBe("completed");
    expect(await state("b")).toBeUndefined();
  });

  it("is bounded over all results: the oldest go first, with all they left", async () => {
    await beat("w");
    for (let index = 0; index < 5; index++) {
      await submit(`job-${index}`);
      const bytes = Buffer.alloc(100_000);
      const own = ["demo", "w", "demo/0", `job-${index}`, 0, bytes, "image/png", "{}", 0, 0] as const;
      await take("w", 0);
      await call("finish", ...own, TTL_MS, 250_000);
    }
    expect((await client.keys("test::job:*")).sort()).toEqual(["test::job:job-3", "test::job:job-4"]);
    expect(await client.keys("test::image:*")).toHaveLength(2);
    expect(Number(await client.hget("test::counts", "keptBytes"))).toBe(2 * 104_096);
  });
});

describe("the sweep", () => {
  beforeEach(() => beat("w"));

  it("ends jobs whose deadline passed, waiting or running, and no others", async () => {
    await submit("late", { images: 2, deadline: Date.now() - 1 });
    await submit("patient", { deadline: Date.now() + 60_000 });
    await take("w", 0);
    await sweep();
    expect([await state("late"), await state("patient")]).toEqual(["failed", "queued"]);
    expect(await call("progress", "late", 0, 1, 8)).toEqual(["late"]);
    await release("w", 0, "late/0", "nothing");
    expect(await books()).toEqual([1, 0]);
  });

  it("states missing tokens and drops those too many", async () => {
    await submit("a", { images: 5 });
    expect(await sweep()).toEqual(["demo", 5]);
    await addTokens(9);
    expect(await sweep()).toEqual([]);
    expect(await tokens()).toBe(5);
    await call("cancel", "a", '{"code":"x","detail":"y"}', TTL_MS, MAX_BYTES);
    expect(await tokens()).toBe(0);
  });

  it("is done by one of many processes at a time", async () => {
    await submit("a");
    const missing = await Promise.all(Array.from({ length: 5 }, () => call("sweep", 60_000, TTL_MS, MAX_BYTES)));
    expect(missing.filter((one) => (one as unknown[]).length > 0)).toHaveLength(1);
  });
});
