import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PACKAGE_ROOT } from "../../src/files/package.js";
import { generate, importTinyModel } from "../commands/marimba.js";

/** As in a user's shell: without the settings that npm hands down to the tests, and without this project's .npmrc. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST)/i.test(name)));
const npm = (cwd: string, ...args: string[]) =>
  execFileSync("npm", args, { cwd, env, encoding: "utf8", stdio: "pipe" });

let folder: string;
let server: ChildProcess | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-package-"));
  const [{ filename }] = JSON.parse(npm(PACKAGE_ROOT, "pack", "--json", "--pack-destination", folder));
  await mkdir(join(folder, "app"));
  await writeFile(join(folder, "app", "package.json"), '{ "private": true }\n');
  // ONNX Runtime's install step fetches CUDA from another site; the CPU needs none.
  npm(join(folder, "app"), "install", join(folder, filename), "--prefer-offline", "--ignore-scripts", "--no-audit");
}, 300_000);
afterEach(stop);
afterAll(() => rm(folder, { recursive: true }));

async function stop(): Promise<void> {
  server?.kill("SIGTERM");
  if (server?.exitCode === null) await once(server, "exit");
  server = undefined;
}

/** Runs `npx marimba serve` in the folder; resolves once it is ready. */
async function serve(cwd: string): Promise<string> {
  // npx passes no signal on to the command below it, so the test starts the same file itself.
  const bin = join(folder, "app", "node_modules", ".bin", "marimba");
  server = spawn(bin, ["serve"], {
    cwd,
    env: { ...env, PORT: "0", LOG_LEVEL: "warn", THREADS: "1", MAX_BATCH: "4" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of server.stdout!) {
    text += chunk;
    if (text.includes("Ready.")) break;
  }
  return /listens on (http:\S+)/.exec(text)![1]!;
}

/** Each model's number of classes. */
async function modelsOf(address: string): Promise<Record<string, number>> {
  const { models } = (await (await fetch(`${address}/models`)).json()) as {
    models: { id: string; class_count: number }[];
  };
  return Object.fromEntries(models.map(({ id, class_count }) => [id, class_count]));
}

describe("the package, installed into an empty folder,", () => {
  it("holds what serving needs, and no more", async () => {
    const installed = join(folder, "app", "node_modules", "marimba");
    const expected = ["CHANGELOG.md", "LICENSE", "README.md", "dist", "kernels", "models", "openapi", "package.json"];
    expect((await readdir(installed)).filter((name) => name !== "node_modules").sort()).toEqual(expected);
    expect(npm(join(folder, "app"), "exec", "--offline", "--", "marimba", "--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("serves the demo", async () => {
    const app = join(folder, "app");
    const address = await serve(app);
    expect(await modelsOf(address)).toEqual({ demo: 12 });
    const response = await generate(address, { class: "star", seed: 7, preset: "fast" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("image/png");
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(1000);
    expect(await readdir(app)).not.toContain("models");
  });

  it("serves the models of ./models beside the demo, and a demo there in its place", async () => {
    const user = join(folder, "user");
    await importTinyModel(join(user, "models"), "mine");
    expect(await modelsOf(await serve(user))).toEqual({ demo: 12, mine: 10 });
    await stop();
    await importTinyModel(join(user, "models"));
    expect(await modelsOf(await serve(user))).toEqual({ demo: 10, mine: 10 });
  });
});
