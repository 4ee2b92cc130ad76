import { describe, expect, it } from "vitest";
import { EngineFailure, ImageCancelled, ImageExpired } from "../../src/engine/engine.js";
import { openNullEngine } from "../../src/engine/null-engine.js";
import { exampleManifest } from "../model/example-manifest.js";
import { fingerprint, imageRequest } from "./tiny-engine.js";

describe("openNullEngine", () => {
  it("gives one marked image of the model's size for every request", async () => {
    const engine = openNullEngine(exampleManifest(), 16);
    const image = await engine.generate(imageRequest({}, 1));
    expect([image.width, image.height, image.pixels.length]).toEqual([128, 128, 128 * 128 * 3]);
    expect([...image.pixels.slice(0, 6)]).toEqual([255, 0, 255, 128, 128, 128]);
    expect(fingerprint((await engine.generate(imageRequest({}, 2))).pixels)).toBe(fingerprint(image.pixels));
    expect(engine.stats()).toEqual({ inFlight: 0, waiting: 0, maxBatch: 16, runMs: 0 });
  });

  it("shows its image to who wants to see it on the way", async () => {
    const engine = openNullEngine(exampleManifest(), 16);
    const shown: [string, number, number][] = [];
    const onPreview = (pixels: Uint8Array, step: number, of: number) => shown.push([fingerprint(pixels), step, of]);
    const image = await engine.generate(imageRequest({ steps: 5 }), { wantsPreview: () => true, onPreview });
    await engine.generate(imageRequest(), { wantsPreview: () => false, onPreview });
    expect(shown).toEqual([[fingerprint(image.pixels), 5, 5]]);
  });

  it("keeps an engine's promises about leaving and closing", async () => {
    const engine = openNullEngine(exampleManifest(), 16);
    await expect(engine.generate(imageRequest(), { signal: AbortSignal.abort() })).rejects.toThrow(ImageCancelled);
    await expect(engine.generate(imageRequest(), { deadlineMs: 1 })).rejects.toThrow(ImageExpired);
    await engine.close(0);
    await expect(engine.generate(imageRequest())).rejects.toThrow(EngineFailure);
  });
});
