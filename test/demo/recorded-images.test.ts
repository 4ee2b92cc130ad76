import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ready } from "../commands/deployment.js";
import { generate, Marimba } from "../commands/marimba.js";
import { readPngText } from "../worker/png-chunks.js";

const FOLDER = join(import.meta.dirname, "recorded-images");
const SEED = 7;
/** Of 255. Processors round differently: a float32 product's order of additions depends on their vector instructions. */
const ROUNDING = 2;

/**
 * PRESET-CLASS.png, as version 0.1.0 generated it. Only the `model_hash` of the text is newer: since the demo has an encoder,
 * the hash covers it too.
 */
const recorded = (await readdir(FOLDER)).filter((name) => name.endsWith(".png"));

let marimba: Marimba;
let address: string;

beforeAll(async () => {
  const root = join(import.meta.dirname, "../..");
  marimba = new Marimba(["serve"], { MODELS_DIR: join(root, "models"), MODELS: "demo", MAX_BATCH: "16" }, root);
  address = await marimba.address();
  await ready(address, 200);
});

afterAll(async () => {
  marimba.kill("SIGTERM");
  await marimba.ended;
});

describe("the demo's images", () => {
  it("have a recording for its defaults and for each preset", async () => {
    const { presets } = (await (await fetch(`${address}/models/demo`)).json()) as { presets: object };
    const expected = ["default", ...Object.keys(presets)].sort();
    expect([...new Set(recorded.map((name) => name.split("-")[0]))].sort()).toEqual(expected);
  });

  it.concurrent.each(recorded)("are what an earlier release made of the same request: %s", async (name) => {
    const [preset, className] = name.replace(".png", "").split("-");
    const request = { class: className, seed: SEED, ...(preset !== "default" && { preset }) };
    const before = await readFile(join(FOLDER, name));
    const answer = await generate(address, request);
    expect(answer.status, answer.ok ? "" : await answer.clone().text()).toBe(200);
    const now = Buffer.from(await answer.arrayBuffer());
    expect(readPngText(now)).toEqual(readPngText(before));
    const [pixelsBefore, pixelsNow] = await Promise.all([before, now].map((png) => sharp(png).raw().toBuffer()));
    const differences = pixelsNow!.map((value, i) => Math.abs(value - pixelsBefore![i]!));
    expect(pixelsNow!.length).toBe(pixelsBefore!.length);
    expect(Math.max(...differences)).toBeLessThanOrEqual(ROUNDING);
    // The same processor: the same bytes, those of the compression included.
    if (differences.every((difference) => difference === 0)) expect(now.equals(before)).toBe(true);
  });
});
