import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pathWithTestPython, testPython } from "../python/environment.js";
import { runningService } from "./running-service.js";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("./generated_client.py", import.meta.url));

let service: Awaited<ReturnType<typeof runningService>>;
let folder: string;
beforeAll(async () => {
  service = await runningService();
  folder = await mkdtemp(join(tmpdir(), "marimba-python-"));
});
afterAll(async () => {
  await service?.stop();
  if (folder) await rm(folder, { recursive: true });
});

describe("a client for Python", () => {
  it("is generated from the service's own document, and calls it", { timeout: 240_000 }, async () => {
    const generator = join(dirname(testPython()), "openapi-python-client");
    const args = ["generate", "--url", `${service.address}/openapi.json`, "--meta", "none"];
    const env = { ...process.env, PATH: pathWithTestPython(), PYTHONPATH: folder };
    const { stdout, stderr } = await run(generator, [...args, "--output-path", "marimba_client"], { cwd: folder, env });
    // The generated client cannot receive an image as bytes.
    expect((stdout + stderr).match(/^WARNING .*$/gm) ?? []).toEqual([
      "WARNING parsing GET /jobs/{id}/images/{n} within jobs.",
      "WARNING parsing GET /jobs/{id}/images/{n}/image.png within jobs.",
      "WARNING parsing GET /jobs/{id}/images/{n}/image.jpeg within jobs.",
      "WARNING parsing GET /jobs/{id}/images/{n}/image.webp within jobs.",
    ]);

    const image = await service.image({ class: "boat", seed: 7, steps: 8, diffusion_steps: 10 });
    const called = await run(testPython(), [SCRIPT, service.address, service.key, image.toString("base64")], { env });
    expect(called.stdout.trim().split("\n")).toEqual(["generates", "jobs", "cancels", "models", "problems"]);
  });
});
