import { describe, expect, it } from "vitest";
import { MarImage } from "../../../src/families/mar/image.js";
import { maskSchedule } from "../../../src/families/mar/mask-schedule.js";
import { tokenOrder } from "../../../src/families/mar/token-order.js";
import type { SamplingParameters } from "../../../src/model/parameters.js";
import { DiffusionSchedules } from "../../../src/model/sampler/diffusion-schedule.js";
import { imageRequest } from "../../engine/tiny-engine.js";
import { exampleManifest } from "../../model/example-manifest.js";

const MODEL = exampleManifest().architecture.generator;
const TOKENS = MODEL.token_count;

function image(change: Partial<SamplingParameters>, seed = 5): MarImage {
  return new MarImage(imageRequest({ class: 1, ...change }, seed), MODEL, new DiffusionSchedules(16));
}

describe("MarImage", () => {
  it("samples the end of its order first, and each token once", () => {
    const steps = 5;
    const order = [...tokenOrder("random", { token_count: TOKENS, grid_width: 8 }, 5, 0)];
    const one = image({ steps });
    for (const { masked, sampled } of maskSchedule(TOKENS, steps)) {
      expect([...one.targets]).toEqual(order.slice(masked - sampled, masked).sort((a, b) => a - b));
      expect(one.knownCount).toBe(TOKENS - masked);
      expect([...one.knownPositions.subarray(0, one.knownCount)]).toEqual(order.slice(masked).sort((a, b) => a - b));
      one.advance();
    }
    expect(one.step).toBe(one.steps);
    expect(one.knownCount).toBe(TOKENS);
  });

  it("goes row by row from the top left in raster order, a token a step", () => {
    const one = image({ steps: TOKENS, order: "raster" });
    for (let position = 0; position < TOKENS; position++) {
      expect([...one.targets]).toEqual([position]);
      one.advance();
    }
  });

  it("has the guidance of its own step", () => {
    const one = image({ steps: 4, guidance_scale: 3 });
    const inForce = maskSchedule(TOKENS, 4).map(({ maskedAfter }) => {
      const guidance = one.guidance;
      one.advance();
      return [guidance, 1 + (2 * (TOKENS - maskedAfter)) / TOKENS];
    });
    for (const [guidance, expected] of inForce) expect(guidance).toBe(expected);
  });

  it("notices a token that is no number among those it just sampled", () => {
    const one = image({ steps: 4 });
    const token = new Float32Array(MODEL.token_channels).fill(1);
    for (const position of one.targets) one.setToken(position, token, 0);
    expect(one.sampledFinite()).toBe(true);
    token[3] = Number.POSITIVE_INFINITY;
    one.setToken(one.targets[0]!, token, 0);
    expect(one.sampledFinite()).toBe(false);
  });
});
