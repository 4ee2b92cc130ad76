import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PACKAGE_ROOT } from "../../../src/files/package.js";
import { eventually } from "../../eventually.js";
import { startRedis } from "../../queue/redis-server.js";
import {
  accepted,
  bytes,
  deployments,
  hasEnded,
  hasProgress,
  jobNow,
  jobWhere,
  metric,
  monitor,
  ready,
} from "../deployment.js";
import { generate, type Marimba } from "../marimba.js";

const { deploy } = deployments();

/** Long enough that whatever the test does happens meanwhile, short enough to see it end. */
const LONG = { class: "star", seed: 1, preset: "slow" };

describe("marimba api and marimba worker", () => {
  it("give the bytes of `marimba sample` with the embedded model, whichever worker makes them", async () => {
    const packaged = { MODELS_DIR: join(PACKAGE_ROOT, "models"), MODELS: "demo" };
    const embedded = deploy({ ...packaged, MAX_BATCH: "1", WORKER_PORT: "0" });
    const [{ address }, ...workers] = await Promise.all([embedded.api(), embedded.worker(), embedded.worker()]);
    const request = { class: "star", steps: 16 };
    const images = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => bytes(generate(address, { ...request, seed }))));
    for (const seed of [1, 6]) {
      const alone = await embedded.sample("--class", "star", "--steps", "16", "--seed", String(seed));
      expect(images[seed - 1]!.equals(alone)).toBe(true);
    }
    for (const worker of workers) expect(await metric(worker, "marimba_images_made_total")).toBeGreaterThan(0);
  });

  it("splits one job among the workers", async () => {
    const { api, worker } = deploy({ MAX_BATCH: "1", WORKER_PORT: "0" });
    const [{ address }, ...workers] = await Promise.all([api(), worker(), worker()]);
    const job = await jobWhere(
      await accepted(address, { class: "heart", seed: 3, num_images: 8, steps: 32, diffusion_steps: 100 }),
      hasEnded,
    );
    expect(job.state).toBe("completed");
    const made = await Promise.all(workers.map((one) => metric(one, "marimba_images_made_total")));
    expect(Math.min(...made)).toBeGreaterThan(0);
    expect(made.reduce((a, b) => a + b)).toBe(8);
  });

  it("are ready once a live worker has a model, and say why not", async () => {
    const { api, worker } = deploy();
    const { address } = await api();
    expect(await ready(address, 503)).toMatchObject({ code: "no_worker", detail: "No live worker serves demo." });
    expect((await generate(address, { class: 0 })).status).toBe(503);
    await worker();
    await ready(address, 200);
  });

  it("never load onnxruntime into the API", async () => {
    const { api, worker } = deploy();
    const [{ marimba, address }, working] = await Promise.all([api(), worker()]);
    expect((await generate(address, { class: 0 })).status).toBe(200);
    const mapped = (one: Marimba) => readFile(`/proc/${one.process.pid}/maps`, "utf8");
    expect(await mapped(working)).toMatch(/onnxruntime/);
    expect(await mapped(marimba)).not.toMatch(/onnxruntime/);
  });

  it("make grey images with ENGINE=null, and the worker warns of it", async () => {
    const { api, worker } = deploy({ ENGINE: "null" });
    const [{ address }, working] = await Promise.all([api(), worker()]);
    const answer = await generate(address, { class: 0 });
    expect((await bytes(answer)).subarray(1, 4).toString()).toBe("PNG");
    expect(working.stderr).toMatch(/ENGINE is null/);
  });
});

describe("while Redis is away", () => {
  it("neither API nor worker is ready, each says so once, and both go on when it is back", async () => {
    const own = await startRedis("--appendonly", "yes");
    try {
      const { api, worker } = deploy({ REDIS_URL: own.url, WORKER_PORT: "0" });
      const [{ marimba, address }, working] = await Promise.all([api(), worker()]);
      const workerAddress = await monitor(working);
      await ready(address, 200);
      await own.kill();
      expect(await ready(address, 503)).toMatchObject({ code: "queue_unavailable" });
      expect(await ready(workerAddress, 503)).toMatchObject({ status: "not ready" });
      expect(await (await generate(address, { class: 0 })).json()).toMatchObject({ code: "queue_unavailable" });
      for (const one of [address, workerAddress]) expect((await fetch(`${one}/health/live`)).status).toBe(200);
      await own.start();
      for (const one of [address, workerAddress]) await ready(one, 200);
      expect((await generate(address, { class: 0 })).status).toBe(200);
      for (const { stderr } of [marimba, working]) {
        expect(stderr.match(/The connection to Redis is lost/g)).toHaveLength(1);
        expect(stderr.match(/Redis answers again/g)).toHaveLength(1);
      }
    } finally {
      await own.stop();
    }
  });
});

describe("marimba serve with REDIS_URL", () => {
  it("is an API and a worker among others", async () => {
    const { start, api } = deploy();
    const serving = start("serve");
    await serving.prints(/^Ready/m);
    const other = await api();
    const request = { class: "moon", seed: 5 };
    const [own, others] = await Promise.all([
      bytes(generate(await serving.address(), request)),
      bytes(generate(other.address, request)),
    ]);
    expect(own.equals(others)).toBe(true);
    serving.kill("SIGTERM");
    expect(await serving.ended).toMatchObject({ code: 0 });
    expect(await ready(other.address, 503)).toMatchObject({ code: "no_worker" });
  });

  it("loads BullMQ and ioredis only then", async () => {
    const loaded = async (marimba: Marimba) => {
      await marimba.prints(/^Ready/m);
      marimba.kill("SIGUSR2");
      return (await marimba.prints(/^modules (.*)$/m))[1];
    };
    const tell = "process.on('SIGUSR2',()=>console.log('modules',Object.keys(m._cache).join()))";
    const NODE_OPTIONS = `--import "data:text/javascript,import%20m%20from%20'node:module';${tell}"`;
    const { start } = deploy({ ENGINE: "null", NODE_OPTIONS });
    expect(await loaded(start("serve"))).toMatch(/ioredis/);
    expect(await loaded(start("serve", { REDIS_URL: "" }))).not.toMatch(/bullmq|ioredis/);
  });
});

describe("SIGTERM", () => {
  it("lets a worker finish what it has, and nothing more", async () => {
    const { api, worker } = deploy({ SHUTDOWN_GRACE_S: "120", MAX_BATCH: "1" });
    const [{ address }, working] = await Promise.all([api(), worker()]);
    const begun = await accepted(address, LONG);
    await jobWhere(begun, hasProgress);
    // One after the other: the second is taken last.
    const waiting = [await accepted(address, { class: "star", seed: 1 })];
    waiting.push(await accepted(address, { class: "star", seed: 2 }));
    working.kill("SIGTERM");
    expect(await working.ended).toMatchObject({ code: 0, signal: null });
    expect(await jobNow(begun)).toMatchObject({ state: "completed" });
    expect(await jobNow(waiting[1]!)).toMatchObject({ state: "queued" });
    await worker();
    for (const url of waiting) expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
  });

  it("makes a worker hand back what it can't finish in time: another one makes the same image", async () => {
    const { api, worker, sample } = deploy({ SHUTDOWN_GRACE_S: "0" });
    const [{ address }, working] = await Promise.all([api(), worker()]);
    const url = await accepted(address, { class: "star", seed: 1, steps: 64, diffusion_steps: 300, num_images: 2 });
    await jobWhere(url, hasProgress);
    working.kill("SIGTERM");
    expect(await working.ended).toMatchObject({ code: 0, signal: null });
    expect(await jobNow(url)).toMatchObject({ state: expect.stringMatching(/queued|running/) });
    await worker();
    expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
    expect(
      (await bytes(fetch(`${url}/images/0`))).equals(
        await sample("--class", "star", "--seed", "1", "--steps", "64", "--diffusion-steps", "300"),
      ),
    ).toBe(true);
  });

  it("makes an API end its event streams, so that their clients go on elsewhere", async () => {
    const { api, worker } = deploy({ SHUTDOWN_GRACE_S: "600" });
    const [{ marimba, address }, other] = await Promise.all([api(), api(), worker()]);
    const url = await accepted(address, LONG);
    await jobWhere(url, hasProgress);
    const stream = await fetch(`${url}/events`);
    marimba.kill("SIGTERM");
    const told = await stream.text();
    expect(told).toMatch(/^: the server is shutting down; reconnect$/m);
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
    const elsewhere = url.replace(address, other.address);
    expect(await jobNow(elsewhere)).toMatchObject({ state: "running" });
    const [lastId] = /\d+$/.exec(told.match(/^id: \d+$/gm)!.at(-1)!)!;
    const rest = await fetch(`${elsewhere}/events`, { headers: { "last-event-id": lastId } });
    expect(await rest.text()).toMatch(/^event: completed$/m);
  });

  it("makes an API refuse new jobs, and tell who waits too long where to look", async () => {
    const { api, worker, queue } = deploy({ SHUTDOWN_GRACE_S: "5" });
    const [{ marimba, address }] = await Promise.all([api(), worker()]);
    expect(await queue("pause")).toMatchObject({ code: 0 });
    const waiting = generate(address, { class: 0, seed: 2 });
    await eventually(async () => {
      expect(JSON.parse((await queue("status", "--json")).stdout)).toMatchObject([{ waiting: 1 }]);
    });
    marimba.kill("SIGTERM");
    await ready(address, 503);
    expect(await (await generate(address, { class: 0 })).json()).toMatchObject({ code: "shutting_down" });
    const answer = await waiting;
    expect(answer.status).toBe(202);
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
    expect(await queue("resume")).toMatchObject({ code: 0 });
    const other = await api();
    const job = await jobWhere(`${other.address}${answer.headers.get("location")}`, hasEnded);
    expect(job.state).toBe("completed");
  });
});
