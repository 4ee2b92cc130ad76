import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { generate, Marimba } from "../commands/marimba.js";
import { useBrowser } from "./visitor.js";

const DEMO = fileURLToPath(new URL("../../models/demo", import.meta.url));
/** The demo model under another name, with other class names and no samples. */
export const OTHER = "other";

/** A server with the demo model, `other` and what `addModels` adds, and a browser, for the tests of a file. */
export function usePlayground(
  environment: Readonly<Record<string, string>> = {},
  addModels: (modelsDir: string) => Promise<unknown> = async () => {},
) {
  let folder: string;
  let marimba: Marimba;
  const occupying: string[] = [];
  const browser = useBrowser();
  /** Opens the page; `visit` waits until its form is there. */
  const open = (options?: BrowserContextOptions) => browser.open(service.address, options);
  const visit = (options?: BrowserContextOptions) => browser.visit(service.address, options);
  const service = { address: "", browser, open, visit, occupyEngine, start, kill };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "marimba-browser-"));
    await symlink(DEMO, join(folder, "demo"));
    await cp(DEMO, join(folder, OTHER), { recursive: true });
    await rm(join(folder, OTHER, "samples.webp"));
    const manifest = JSON.parse(await readFile(join(DEMO, "model.json"), "utf8"));
    for (const modelClass of manifest.classes) modelClass.name = `other ${modelClass.name}`;
    await writeFile(join(folder, OTHER, "model.json"), JSON.stringify({ ...manifest, name: OTHER }));
    await addModels(folder);
    await start();
  });
  afterEach(async () => {
    for (const job of occupying.splice(0)) await fetch(job, { method: "DELETE" }).catch(() => {});
  });
  afterAll(async () => {
    marimba?.kill("SIGTERM");
    await marimba?.ended;
    await rm(folder, { recursive: true });
  });

  /** Starts the server, on its previous port if it had one. */
  async function start(): Promise<void> {
    const port = service.address ? new URL(service.address).port : "0";
    marimba = new Marimba(["serve"], { MODELS_DIR: folder, PORT: port, ...environment });
    service.address = await marimba.address();
    await marimba.prints(/^Ready\./m);
  }

  /** Kills the server. */
  async function kill(): Promise<void> {
    marimba.kill("SIGKILL");
    await marimba.ended;
  }

  /** Keeps the engine busy, so that other jobs wait until the test ends. Returns a function that releases it. */
  async function occupyEngine(images = 64): Promise<() => Promise<unknown>> {
    const accepted = await generate(service.address, { class: 0, num_images: images, preset: "exact" }, {});
    const job = `${service.address}${accepted.headers.get("location")}`;
    occupying.push(job);
    return () => fetch(job, { method: "DELETE" });
  }
  return service;
}
