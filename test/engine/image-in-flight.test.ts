import { describe, expect, it } from "vitest";
import { ImageInFlight } from "../../src/engine/image-in-flight.js";
import type { SamplingParameters } from "../../src/model/parameters.js";
import { maskSchedule } from "../../src/model/sampler/mask-schedule.js";
import { DiffusionSchedules } from "../../src/model/sampler/schedules.js";
import { tokenOrder } from "../../src/model/sampler/token-order.js";
import { exampleManifest } from "../model/example-manifest.js";
import { imageRequest } from "./tiny-engine.js";

const MODEL = exampleManifest().architecture.generator;
const TOKENS = MODEL.token_count;

function image(change: Partial<SamplingParameters>, seed = 5): ImageInFlight {
  const request = imageRequest({ class: 1, ...change }, seed);
  return new ImageInFlight({ id: 0, request, submittedMs: 0 }, MODEL, new DiffusionSchedules(16));
}

describe("ImageInFlight", () => {
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
    expect(one.finished).toBe(true);
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
