import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import {
  accepted,
  bytes,
  deployments,
  hasEnded,
  hasProgress,
  jobNow,
  jobWhere,
  monitor,
  ready,
} from "../deployment.js";
import { generate, importTinyModel } from "../marimba.js";

const { deploy } = deployments();

const PRELOAD = fileURLToPath(new URL("crash-engine.js", import.meta.url));
/** Its engine dies of SIGUSR2. */
const CRASHING = { NODE_OPTIONS: `--import ${PRELOAD}`, MAX_BATCH: "2" };
const LONG = { class: "star", seed: 1, preset: "slow", num_images: 2 };

let models: string;
beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), "marimba-lost-"));
  await importTinyModel(models);
});
afterEach(() => rm(models, { recursive: true }));

/** No engine of the model starts from here on, until the returned function is called. */
async function spoil(): Promise<() => Promise<void>> {
  const graph = join(models, "demo", MODEL_FILES.predict);
  await rename(graph, `${graph}.away`);
  return () => rename(`${graph}.away`, graph);
}

/** The same model under another name. */
async function copyModel(name: string): Promise<void> {
  const folder = join(models, name);
  await cp(join(models, "demo"), folder, { recursive: true });
  const manifest = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
  await writeFile(join(folder, "model.json"), JSON.stringify({ ...manifest, name }));
}

describe("an engine that can't be restarted", { timeout: 300_000 }, () => {
  it("ends its worker with 1: what it had goes back, and another worker makes the same images", async () => {
    const { api, start, worker, sample } = deploy({ MODELS_DIR: models });
    const { address } = await api();
    const losing = await worker(CRASHING);
    const url = await accepted(address, { class: "star", seed: 1, steps: 64, diffusion_steps: 300, num_images: 2 });
    await jobWhere(url, hasProgress);
    const mend = await spoil();
    losing.kill("SIGUSR2");
    const { code, stderr } = await losing.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/The engine of demo can't be restarted; 5 attempts failed: .* Shutting down\./);
    expect(await jobNow(url)).toMatchObject({ state: "running" });
    expect(await ready(address, 503)).toMatchObject({ code: "no_worker" });
    // Whoever supervises the worker starts it again, to no avail as long as the model is as it is.
    const { code: again } = await start("worker").ended;
    expect(again).toBe(1);
    expect(await jobNow(url)).toMatchObject({ state: "running" });
    await mend();
    await worker();
    expect(await jobWhere(url, hasEnded)).toMatchObject({ state: "completed" });
    const image = await bytes(fetch(`${url}/images/0`));
    expect(
      image.equals(await sample("--class", "star", "--seed", "1", "--steps", "64", "--diffusion-steps", "300")),
    ).toBe(true);
  });

  it("makes its worker unready at once, while images of other models are finished", async () => {
    await copyModel("other");
    const { api, worker } = deploy({ MODELS_DIR: models, SHUTDOWN_GRACE_S: "60" });
    const [{ address }, losing] = await Promise.all([api(), worker({ ...CRASHING, MAX_BATCH: "4", WORKER_PORT: "0" })]);
    const monitored = await monitor(losing);
    await ready(monitored, 200);
    await spoil();
    losing.kill("SIGUSR2");
    // Only the engine of `other` comes back, and has something to do for longer than the tries of `demo` last.
    const url = await accepted(address, { ...LONG, num_images: 4, model: "other" });
    expect(await ready(monitored, 503)).toMatchObject({
      reason: expect.stringContaining("The engine of demo can't be restarted"),
    });
    expect(await (await generate(address, { class: 0, model: "other" })).json()).toMatchObject({ code: "no_worker" });
    expect((await losing.ended).code).toBe(1);
    expect(await jobNow(url)).toMatchObject({ state: "completed" });
  });

  it("ends a server without Redis with 1, and who waits is told", async () => {
    const { start } = deploy({ REDIS_URL: "", MODELS_DIR: models });
    const serving = start("serve", CRASHING);
    await serving.prints(/^Ready/m);
    const address = await serving.address();
    const url = await accepted(address, LONG);
    const waiting = generate(address, { ...LONG, seed: 2, num_images: 1 });
    await jobWhere(url, hasProgress);
    await spoil();
    serving.kill("SIGUSR2");
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "shutting_down" });
    expect((await serving.ended).code).toBe(1);
  });
});
