import { describe, expect, it } from "vitest";
import type { Manifest } from "../../src/model/manifest.js";
import { presetOfQuality } from "../../src/model/quality.js";

const preset = (parameters: Manifest["presets"][string]["parameters"], speed?: number) => ({
  description: "",
  parameters,
  ...(speed !== undefined && { quality: { frechet_distance: 1, images: 1, speed } }),
});
const qualities = (presets: Manifest["presets"]) =>
  (["low", "medium", "high"] as const).map((quality) => presetOfQuality(quality, { presets }));

describe("the presets that low, medium and high stand for", () => {
  it("are the fastest, the middle and the slowest as measured, whatever their names", () => {
    const presets = { quick: preset({}, 9.6), whole: preset({}, 1), some: preset({}, 5.1) };
    expect(qualities(presets)).toEqual(["quick", "some", "whole"]);
  });

  it("are ordered by the work that they ask for where one is not measured", () => {
    const presets = {
      exact: preset({ steps: 64, diffusion_steps: 100 }, 1),
      fast: preset({ steps: 16, diffusion_steps: 50, diffusion_steps_final: 10 }),
      balanced: preset({ steps: 32, diffusion_steps: 50, diffusion_steps_final: 20 }),
    };
    expect(qualities(presets)).toEqual(["fast", "balanced", "exact"]);
  });

  it("are the better one of two for medium, the only one for all, and none for none", () => {
    expect(qualities({ a: preset({}, 2), b: preset({}, 1) })).toEqual(["a", "b", "b"]);
    expect(qualities({ a: preset({}) })).toEqual(["a", "a", "a"]);
    expect(qualities({})).toEqual([undefined, undefined, undefined]);
  });
});
