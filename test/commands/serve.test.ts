import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { curlLine } from "../../src/commands/serve.js";
import { PACKAGE_ROOT } from "../../src/files/package.js";
import { exampleManifest } from "../model/example-manifest.js";
import { readPngText } from "../worker/png-chunks.js";
import { hasProgress, jobWhere, ready } from "./deployment.js";
import { generate, importTinyModel, Marimba } from "./marimba.js";

let folder: string;
let modelsDir: string;
const started: Marimba[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-serve-"));
  modelsDir = join(folder, "models");
  await importTinyModel(modelsDir);
});
afterEach(async () => {
  for (const marimba of started.splice(0)) {
    marimba.kill("SIGKILL");
    await marimba.ended;
  }
});
afterAll(() => rm(folder, { recursive: true }));

function serve(environment: Record<string, string> = {}): Marimba {
  const marimba = new Marimba(["serve"], { MODELS_DIR: modelsDir, ...environment }, folder);
  started.push(marimba);
  return marimba;
}

async function serveReady(environment: Record<string, string> = {}) {
  const marimba = serve(environment);
  const [, curl] = await marimba.prints(/^ +(curl .*)$/m);
  return { marimba, address: await marimba.address(), curl: curl! };
}

/** A job that runs for long enough that whatever the test does happens meanwhile. */
const SLOW = { class: "star", seed: 1, preset: "slow" };

async function startSlowJob(address: string, images = 1): Promise<void> {
  const accepted = await generate(address, { ...SLOW, num_images: images }, { prefer: "respond-async" });
  expect(accepted.status).toBe(202);
  const job = `${address}${accepted.headers.get("location")}`;
  await jobWhere(job, hasProgress);
}

describe("marimba serve", () => {
  it("prints a curl line that saves an image of the model's first class", async () => {
    const { marimba, curl } = await serveReady();
    expect(marimba.stdout).toMatch(/^Marimba listens on http:\/\/127\.0\.0\.1:\d+ and loads demo\.\n/);
    const { stderr } = await promisify(execFile)("sh", ["-c", curl], { cwd: folder });
    expect(stderr).toBe("");
    expect(readPngText(await readFile(join(folder, "star.png")))).toMatchObject({ class_name: "star", steps: "4" });
    for (const line of marimba.stderr.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  it("gives the same bytes alone, among others, after a restart and from `marimba sample`", async () => {
    const request = { class: "heart", seed: 7, steps: 5 };
    const bytes = async (response: Promise<Response>) => Buffer.from(await (await response).arrayBuffer());
    const first = await serveReady();
    const alone = await bytes(generate(first.address, request));
    const others = [1, 2, 4].map((steps) =>
      generate(first.address, { class: null, seed: steps, steps, guidance_scale: steps }),
    );
    const among = await bytes(generate(first.address, request));
    for (const other of await Promise.all(others)) expect(other.status).toBe(200);
    first.marimba.kill("SIGTERM");
    const second = await serveReady({ MAX_BATCH: "1" });
    const restarted = await bytes(generate(second.address, request));
    const out = join(folder, "heart.png");
    const args = ["sample", "--class", "HEART", "--seed", "7", "--steps", "5", "--out", out];
    expect((await new Marimba(args, { MODELS_DIR: modelsDir }).ended).code).toBe(0);
    expect(readPngText(alone)).toMatchObject({ class_name: "heart", seed: "7", steps: "5" });
    for (const other of [among, restarted, await readFile(out)]) expect(other.equals(alone)).toBe(true);
  });

  it("measures timings that add up to the total", async () => {
    const { address } = await serveReady();
    const responses = await Promise.all([1, 2, 3].map((seed) => generate(address, { class: 0, seed })));
    for (const response of responses) {
      const spans = response.headers
        .get("server-timing")!
        .split(", ")
        .map((span) => span.split(";dur="));
      const { total, ...parts } = Object.fromEntries(spans.map(([name, ms]) => [name!, Number(ms)]));
      expect(Object.keys(parts).sort()).toEqual([
        "batch_wait",
        "decode",
        "diffusion",
        "encode",
        "queue",
        "transformer",
      ]);
      expect(Object.values(parts).reduce((a, b) => a + b)! / total!).toBeCloseTo(1, 1);
      expect(Math.min(parts.transformer!, parts.diffusion!, parts.decode!, parts.encode!)).toBeGreaterThan(0);
    }
  });

  it("listens while the models are loaded, and says that it isn't ready", async () => {
    const marimba = serve({ MAX_BATCH: "64" });
    const address = await marimba.address();
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    expect((await fetch(`${address}/health/ready`)).status).toBe(503);
    const refused = await generate(address, { class: 0 });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ code: "no_worker" });
    marimba.kill("SIGTERM");
    expect(await marimba.ended).toMatchObject({ code: 0 });
  });

  it("makes grey images at once with ENGINE=null, and warns of it", async () => {
    const { marimba, address } = await serveReady({ ENGINE: "null" });
    expect((await generate(address, { class: 0, num_images: 3 }, { prefer: "wait=10" })).status).toBe(200);
    expect(marimba.stderr).toMatch(/ENGINE is null/);
  });
});

describe("marimba serve, when it is told to stop,", () => {
  it("refuses new work, finishes what was accepted, and exits with 0", async () => {
    const { marimba, address } = await serveReady({ SHUTDOWN_GRACE_S: "120" });
    const waiting = generate(address, { ...SLOW, steps: 24 });
    await startSlowJob(address);
    marimba.kill("SIGTERM");
    await ready(address, 503);
    const refused = await generate(address, { class: 0 });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "shutting_down" });
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    expect((await waiting).status).toBe(200);
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
  });

  it("cancels what is left when the grace is over, tells who waits, and exits with 0", async () => {
    const { marimba, address } = await serveReady({ SHUTDOWN_GRACE_S: "0" });
    const waiting = generate(address, SLOW);
    await startSlowJob(address);
    marimba.kill("SIGINT");
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "shutting_down" });
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
  });

  it("takes a signal that comes twice at once for one, and exits at once with a later second one", async () => {
    const { marimba, address } = await serveReady({ SHUTDOWN_GRACE_S: "600" });
    await startSlowJob(address, 4);
    marimba.kill("SIGINT");
    marimba.kill("SIGTERM");
    await ready(address, 503);
    await sleep(1000); // longer than the time in which two signals are one
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    marimba.kill("SIGTERM");
    expect(await marimba.ended).toMatchObject({ code: null, signal: "SIGTERM" });
  });

  it("logs an error that nobody caught, and exits with 1", async () => {
    const { marimba, address } = await serveReady({
      NODE_OPTIONS: `--import "data:text/javascript,process.on('SIGUSR2',()=>{throw%20new%20Error('boom')})"`,
    });
    await startSlowJob(address);
    marimba.kill("SIGUSR2");
    const { code, stderr } = await marimba.ended;
    expect(code).toBe(1);
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.find(({ level }) => level === 60)).toMatchObject({ err: { message: "boom" } });
  });
});

describe("marimba serve, where it can't start,", () => {
  it("names every bad variable", async () => {
    const { code, stdout, stderr } = await serve({ PORT: "http", MAX_BATCH: "0" }).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      'PORT is "http"; it must be an integer from 0 to 65535.\nMAX_BATCH is "0"; it must be an integer from 1 to 4096.\n',
    );
  });

  it("says that the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await serve({ PORT: String(port), LOG_LEVEL: "silent" }).ended;
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^Can't listen on 127\\.0\\.0\\.1:${port}: another process already does[^\\n]*\\n$`),
    );
  });

  it("says what is wrong with a model: no folder, a broken manifest, graphs that can't be loaded", async () => {
    const none = await serve({ MODELS: "other" }).ended;
    expect(none).toMatchObject({
      code: 1,
      stderr: `There is no model "other" in ${modelsDir} or ${join(PACKAGE_ROOT, "models")}; there is demo.\n`,
    });

    const broken = join(folder, "broken");
    await mkdir(join(broken, "demo"), { recursive: true });
    await writeFile(join(broken, "demo", "model.json"), JSON.stringify({ ...exampleManifest(), format: 2 }));
    const manifest = await serve({ MODELS_DIR: broken }).ended;
    expect(manifest).toMatchObject({ code: 1, stderr: expect.stringMatching(/\/format must be 1, not 2/) });

    await writeFile(join(broken, "demo", "model.json"), JSON.stringify(exampleManifest()));
    const graphs = await serve({ MODELS_DIR: broken, LOG_LEVEL: "silent" }).ended;
    expect(graphs).toMatchObject({ code: 1, stderr: expect.stringMatching(/predict\.onnx/) });
    expect(graphs.stderr).toContain(`The model demo in ${join(broken, "demo")} can't be used: `);
    expect(graphs.stderr).not.toMatch(/^ +at /m);
  });

  // With CUDA at hand it would serve.
  it("says why CUDA can't be used here", async () => {
    const { code, stderr } = await serve({ PROVIDER: "cuda", LOG_LEVEL: "silent" }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The model demo in \S+\/demo can't be used: PROVIDER=cuda can't be used here\. [^\n]+ PROVIDER=cpu needs no GPU\.[^\n]*\n$/,
    );
  });

  it("serves no files but those that the manifest was written for", async () => {
    const damaged = join(folder, "damaged");
    await cp(modelsDir, damaged, { recursive: true });
    const weights = join(damaged, "demo", "generator.safetensors");
    await writeFile(weights, randomBytes((await stat(weights)).size));
    const { code, stderr } = await serve({ MODELS_DIR: damaged, LOG_LEVEL: "silent" }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The model demo in \S+\/demo can't be used: [^\n]* tokenizer\.safetensors are not the files [^\n]*\n$/,
    );
  });

  it("passes over a folder that is no model, with a warning", async () => {
    const mixed = join(folder, "mixed");
    await cp(modelsDir, mixed, { recursive: true });
    await mkdir(join(mixed, "notes"));
    const { marimba } = await serveReady({ MODELS_DIR: mixed, ENGINE: "null" });
    expect(marimba.stderr).toMatch(/mixed\/notes has no model\.json/);
  });
});

describe("curlLine", () => {
  const lineFor = (name: string) => {
    const manifest = exampleManifest();
    return curlLine("http://h:1", { ...manifest, classes: [{ index: 0, name }, ...manifest.classes.slice(1)] });
  };

  it("quotes any class name for a shell, and names the file after it", () => {
    expect(lineFor("star")).toBe(
      "curl -fsS -o star.png -H 'Accept: image/png' -H 'Content-Type: application/json' " +
        `-d '{"class":"star"}' http://h:1/generate`,
    );
    expect(lineFor("jack-o'-lantern; rm -rf /")).toMatch(
      /-o jack-o-lantern-rm-rf\.png .*"jack-o\\u0027-lantern; rm -rf \/"/,
    );
    expect(lineFor("海星")).toMatch(/-o image\.png .*"海星"/);
  });

  it("takes a key from the variable that the page's snippets take it from", () => {
    expect(curlLine("http://h:1", exampleManifest(), true)).toContain('-H "Authorization: Bearer $MARIMBA_API_KEY" ');
  });

  it("asks by index for a name that several classes share", () => {
    expect(lineFor("heart")).toMatch(/-o heart\.png .*'{"class":0}'/);
  });
});
