import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { exampleManifest } from "../../model/example-manifest.js";
import { Marimba } from "../marimba.js";

let modelsDir: string;
let manifestPath: string;
beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), "marimba-early-"));
  await mkdir(join(modelsDir, "demo"));
  manifestPath = join(modelsDir, "demo", "model.json");
  execFileSync("mkfifo", [manifestPath]);
});
afterEach(() => rm(modelsDir, { recursive: true }));

/** Sends a signal while the command waits for a manifest that comes through a pipe. */
async function signalWhileLoading(args: readonly string[], signal: NodeJS.Signals) {
  const marimba = new Marimba(args, { MODELS_DIR: modelsDir });
  const manifest = await open(manifestPath, "w");
  marimba.kill(signal);
  await manifest.writeFile(JSON.stringify(exampleManifest()));
  await manifest.close();
  return marimba.ended;
}

it.each(["SIGTERM", "SIGINT"] as const)(
  "a service that is told to stop before it listens ends with 0: %s",
  async (signal) => {
    expect(await signalWhileLoading(["serve"], signal)).toMatchObject({ code: 0, signal: null, stdout: "" });
  },
);

it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("an interrupted sample ends with 130: %s", async (signal) => {
  const args = ["sample", "--class", "0", "--out", join(modelsDir, "x.png")];
  expect(await signalWhileLoading(args, signal)).toMatchObject({ code: 130, signal: null, stdout: "", stderr: "" });
});
