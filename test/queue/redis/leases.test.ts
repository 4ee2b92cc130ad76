import { Worker } from "bullmq";
import { describe, expect, it } from "vitest";
import type { JobSpec } from "../../../src/job.js";
import type { ImageHandler, JobQueue } from "../../../src/queue/queue.js";
import { queueName } from "../../../src/queue/redis/replies.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { redisDeployments } from "./redis-deployment.js";

const LONG_MS = 20_000;
const DEMO = queueName("demo");
const deployment = redisDeployments();
const make: ImageHandler = async (task) => exampleImageOf(task);
/** Never makes an image; lets go when it must. */
const hold: ImageHandler = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("let go"))));

async function accept(queue: JobQueue, fields: Partial<JobSpec> = {}): Promise<string> {
  const spec = exampleJob({ id: queue.newId(), ...fields });
  expect((await queue.submit(spec)).kind).toBe("accepted");
  return spec.id;
}

const completes = async (queue: JobQueue, id: string) =>
  expect(await queue.wait(id, LONG_MS)).toMatchObject({ state: "completed" });

describe("there is one lease for each image:", () => {
  it("those of a process that died after it had accepted a job are added", async () => {
    const { api, worker, scripts, leases } = deployment();
    const queue = await api();
    await worker(1, make);
    const spec = exampleJob({ id: queue.newId(), num_images: 3 });
    // The accepting step alone, as a process does it that dies before the next.
    await scripts().call(
      "submit",
      spec.id,
      DEMO,
      "normal",
      "",
      3,
      JSON.stringify(spec),
      "",
      100,
      "",
      "",
      "",
      "",
      "",
      "",
      0,
    );
    await completes(queue, spec.id);
    await eventually(async () =>
      expect(await leases().getJobCounts("waiting", "active")).toEqual({ waiting: 0, active: 0 }),
    );
  });

  it("those of a cancelled job are removed, though the queue is paused", async () => {
    const { api, worker, control, leases } = deployment();
    const queue = await api();
    await worker(1, make);
    await (await control()).pause("demo");
    const cancelled = await accept(queue, { num_images: 20 });
    const stays = await accept(queue, { num_images: 2 });
    const waiting = (count: number) => eventually(async () => expect(await leases().getWaitingCount()).toBe(count));
    await waiting(22);
    await queue.cancel(cancelled, { code: "job_cancelled", detail: "x" });
    await waiting(2);
    await (await control()).resume("demo");
    await completes(queue, stays);
  });

  it("those that BullMQ has lost are replaced, and their images made", async () => {
    const { api, worker, leases } = deployment();
    const queue = await api();
    const holding = await worker(2, hold);
    const id = await accept(queue, { num_images: 5 });
    await eventually(async () => expect(await queue.stats()).toMatchObject({ runningImages: 2, waitingImages: 3 }));
    await leases().obliterate({ force: true });
    await worker(2, make);
    await completes(queue, id);
    await holding.stop(0);
    await eventually(async () => expect(await queue.stats()).toMatchObject({ runningImages: 0, waitingImages: 0 }));
  });

  it("those that release 0.1 left waiting are used, and the images of its dead workers wait again", async () => {
    const { api, worker, client, redisPrefix, scripts } = deployment();
    const queue = await api();
    const other = await worker(1, make);
    const id = await accept(queue, { num_images: 1 });
    await completes(queue, id);
    await other.stop(0);
    await scripts().call("serve", "someone", "{}", LONG_MS, 0, "demo");
    const spec = exampleJob({ id: queue.newId(), version: 1, num_images: 3 });
    expect((await queue.submit(spec)).kind).toBe("accepted");
    // As release 0.1 noted an image that a worker had taken when it was killed.
    await scripts().call("take", "demo", "taken", 1, "someone", 60_000, 1e9);
    await client.hdel(`${redisPrefix}::leases:demo`, "taken");
    await client.hset(`${redisPrefix}::lanes:old-worker`, "demo/0", `${spec.id} 0`);
    await client.zadd(`${redisPrefix}::workers`, Date.now() - 1, "old-worker");
    await worker(1, make);
    await completes(queue, spec.id);
    expect(await client.keys(`${redisPrefix}::lanes:*`)).toEqual([]);
  });
});

describe("a lease that stalled", () => {
  it("comes back with its image; where its worker still makes the image, that run goes on", async () => {
    const { api, worker, client, redisPrefix, leases } = deployment();
    const queue = await api();
    let runs = 0;
    let finish = () => {};
    await worker(
      2,
      async (task) => {
        runs++;
        await new Promise<void>((resolve) => (finish = resolve));
        return exampleImageOf(task);
      },
      1000,
    );
    const id = await accept(queue);
    await eventually(() => expect(runs).toBe(1));
    const [lease] = await leases().getActive();
    // As when Redis was away for longer than the lock.
    await client.del(`${redisPrefix}:${DEMO}:${lease!.id}:lock`);
    await eventually(async () => expect((await leases().getJob(lease!.id!))?.stalledCounter).toBe(1));
    await eventually(async () => expect((await leases().getJob(lease!.id!))?.attemptsStarted).toBe(2));
    finish();
    await completes(queue, id);
    expect(runs).toBe(1);
  });

  it("is given to another worker when its own died", async () => {
    const { api, worker, client, scripts, leases } = deployment();
    const queue = await api();
    await scripts().call("serve", "dead", "{}", LONG_MS, 0, DEMO);
    const id = await accept(queue, { num_images: 2 });
    const other = await accept(queue);
    // A worker that took a lease and died: its lock runs out.
    const dead = new Worker(DEMO, null, {
      connection: client,
      prefix: leases().opts.prefix!,
      lockDuration: 300,
    });
    const lease = await dead.getNextJob("token");
    await scripts().call("take", DEMO, lease!.id!, lease!.attemptsStarted, "dead", 60_000, 1e9);
    await dead.close();
    const order: string[] = [];
    await worker(
      1,
      async (task) => {
        order.push(`${task.spec.id}/${task.imageIndex}`);
        return exampleImageOf(task);
      },
      1000,
    );
    await completes(queue, id);
    await completes(queue, other);
    expect(order.sort()).toEqual([`${id}/0`, `${id}/1`, `${other}/0`].sort());
  });
});
