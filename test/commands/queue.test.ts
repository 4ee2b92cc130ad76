import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "../eventually.js";
import { accepted, deployments, hasEnded, jobNow, jobWhere, metric } from "./deployment.js";
import { generate } from "./marimba.js";

const { deploy } = deployments();

describe("marimba queue", () => {
  it("pauses: jobs are accepted and wait until it resumes", async () => {
    const { api, worker, queue } = deploy();
    const [{ address }] = await Promise.all([api(), worker()]);
    const paused = await queue("pause", "--model", "demo");
    expect(paused).toMatchObject({ code: 0, stderr: "" });
    expect(paused.stdout).toMatch(/^demo +0 +0 +1 +paused$/m);
    const url = await accepted(address, { class: 0 });
    await sleep(1000); // a worker that ignored the pause would have made it
    expect(await jobNow(url)).toMatchObject({ state: "queued" });
    expect((await queue("resume")).stdout).toMatch(/^demo .* open$/m);
    expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
  });

  it("pauses one worker", async () => {
    const { api, worker, queue } = deploy({ WORKER_PORT: "0" });
    const [{ address }, idle, busy] = await Promise.all([api(), worker(), worker()]);
    const [{ workers }] = JSON.parse((await queue("status", "--json")).stdout) as [
      { workers: { id: string; pid: number }[] },
    ];
    const { id } = workers.find(({ pid }) => pid === idle.process.pid)!;
    expect((await queue("pause", "--worker", id)).stdout).toMatch(new RegExp(`^${id} .* paused$`, "m"));
    for (const seed of [1, 2, 3]) expect((await generate(address, { class: 0, seed })).status).toBe(200);
    expect(await metric(busy, "marimba_images_made_total")).toBe(3);
    expect(await metric(idle, "marimba_images_made_total")).toBe(0);
    expect(await queue("resume", "--worker", id)).toMatchObject({ code: 0 });
  });

  it("keeps a worker paused that stood still for so long that it counted as dead", async () => {
    const { api, worker, queue } = deploy({ WORKER_PORT: "0", LOCK_MS: "3000" });
    const [{ address }, idle] = await Promise.all([api(), worker()]);
    const workers = async () =>
      (JSON.parse((await queue("status", "--json")).stdout) as { workers: { id: string; paused: boolean }[] }[])[0]!
        .workers;
    const { id } = (await workers())[0]!;
    expect(await queue("pause", "--worker", id)).toMatchObject({ code: 0 });
    idle.kill("SIGSTOP");
    await eventually(async () => expect(await workers()).toEqual([]));
    // Those who sweep the queue do so every second or so: forgotten it is only then.
    await sleep(2000);
    idle.kill("SIGCONT");
    await eventually(async () => expect(await workers()).toHaveLength(1));
    const url = await accepted(address, { class: 0 });
    expect(await workers()).toMatchObject([{ id, paused: true }]);
    await sleep(1000); // a worker that ignored the pause would have made it
    expect(await jobNow(url)).toMatchObject({ state: "queued" });
    expect(await queue("resume", "--worker", id)).toMatchObject({ code: 0 });
    expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
  });

  it("drains: new jobs are refused, accepted ones are made", async () => {
    const { api, worker, queue } = deploy();
    const [{ address }] = await Promise.all([api(), worker()]);
    const url = await accepted(address, { class: 0, steps: 16 });
    expect((await queue("drain")).stdout).toMatch(/^demo .* draining$/m);
    const refused = await generate(address, { class: 0 });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "queue_draining" });
    expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
    expect(await queue("undrain")).toMatchObject({ code: 0 });
    expect((await generate(address, { class: 0 })).status).toBe(200);
  });

  it("refuses what it doesn't know", async () => {
    const { worker, queue } = deploy({ ENGINE: "null" });
    const nothing = "There is nothing to pause: no worker has ever served a model from this queue.\n";
    expect(await queue("pause")).toMatchObject({ code: 2, stderr: nothing });
    await worker();
    expect(await queue("pause", "--model", "dmeo")).toMatchObject({
      code: 2,
      stderr: 'The queue has no model "dmeo"; did you mean demo?\n',
    });
    expect(await queue("puase")).toMatchObject({ code: 2, stderr: /did you mean pause/ });
    expect(await queue("drain", "--worker", "x")).toMatchObject({ code: 2, stderr: /queue pause --worker x/ });
    expect(await queue("pause", "--worker", "x")).toMatchObject({ code: 2, stderr: /has no worker "x"/ });
  });
});
