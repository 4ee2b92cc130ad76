import { describe, expect, it } from "vitest";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { redisDeployments } from "./redis-deployment.js";

const LONG_MS = 20_000;
const deployment = redisDeployments();

describe("a Redis that was emptied", () => {
  it("fails the jobs that are waited for, and every API process knows their ids", async () => {
    const { api, worker, control, client } = deployment();
    const [queue, other] = [await api(), await api()];
    await worker(1, async (task) => exampleImageOf(task));
    await (await control()).pause("demo");
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    const waiting = other.wait(spec.id, LONG_MS);
    await new Promise<void>((known) => other.subscribe(spec.id, { onChange: () => known() }));
    await client.flushall();
    expect(await queue.wait(spec.id, 200)).toMatchObject({ state: "failed", error: { code: "job_lost" } });
    expect(await waiting).toMatchObject({ state: "failed", error: { code: "job_lost" } });
    for (const one of [queue, other]) expect(await one.get(spec.id)).toEqual({ kind: "lost" });
    for (const one of [queue, other]) expect(await one.get(queue.newId())).toEqual({ kind: "expired" });
    expect(await queue.get(spec.id.replace(/.$/, "x"))).toEqual({ kind: "unknown" });
  });
});

describe("a job that this process remembers", () => {
  it("is not waited for successfully once it was seen to be gone", async () => {
    const { api, worker, client, redisPrefix } = deployment();
    const queue = await api();
    await worker(1, async (task) => exampleImageOf(task));
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    expect(await queue.wait(spec.id, LONG_MS)).toMatchObject({ state: "completed" });
    await client.del(`${redisPrefix}::job:${spec.id}`);
    expect(await queue.get(spec.id)).toEqual({ kind: "expired" });
    expect(await queue.wait(spec.id, LONG_MS)).toBeUndefined();
  });
});

describe("a Redis that restarted with older data", () => {
  it("gives those who know newer changes of a job its end all the same", async () => {
    const { api, worker, client, redisPrefix } = deployment();
    const queue = await api();
    let finish = () => {};
    await worker(1, async (task, { progress }) => {
      progress(3, 8);
      await new Promise<void>((resolve) => (finish = resolve));
      return exampleImageOf(task);
    });
    const spec = exampleJob({ id: queue.newId() });
    await queue.submit(spec);
    const states: string[] = [];
    queue.subscribe(spec.id, {
      onChange: ({ state, progress }) => states.push(progress ? `${state} ${progress.step}` : state),
    });
    await eventually(() => expect(states.at(-1)).toBe("running 3"));
    await client.hset(`${redisPrefix}::job:${spec.id}`, "seq", 1);
    finish();
    expect(await queue.wait(spec.id, LONG_MS)).toMatchObject({ state: "completed" });
    expect(states.at(-1)).toMatch(/^completed/);
  });
});
