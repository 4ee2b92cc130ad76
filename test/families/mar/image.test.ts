import { describe, expect, it } from "vitest";
import { diffusionOf } from "../../../src/families/heads/diffusion-steps.js";
import { hasFiniteTargets } from "../../../src/families/heads/head-image.js";
import { MarImage } from "../../../src/families/mar/image.js";
import { maskSchedule } from "../../../src/families/mar/mask-schedule.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import { marArchitecture } from "../../../src/model/manifest.js";
import { tokenOrder } from "../../../src/model/sampler/token-order.js";
import { editOf, imageRequest } from "../../engine/tiny-engine.js";
import { exampleManifest } from "../../model/example-manifest.js";

const MODEL = marArchitecture(exampleManifest().architecture).generator;
const TOKENS = MODEL.token_count;

function image(change: Partial<FamilyParameters<"mar">>, seed = 5): MarImage {
  return new MarImage(imageRequest({ class: 1, ...change }, seed), MODEL);
}

function edited(change: Partial<FamilyParameters<"mar">>, masked: Uint8Array, strength = 1, seed = 5): MarImage {
  const request = { ...imageRequest({ class: 1, ...change }, seed), edit: { ...editOf(new Uint8Array(0)), strength } };
  return new MarImage(request, MODEL, masked);
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

  it("of an edit begins with the known tokens, and samples the others by the schedule of their number", () => {
    const steps = 3;
    const masked = new Uint8Array(TOKENS).fill(1, 3, 12);
    const order = [...tokenOrder("random", { token_count: TOKENS, grid_width: 4 }, 5, 0)].filter(
      (token) => masked[token],
    );
    const one = edited({ steps, guidance_scale: 3 }, masked);
    for (const { masked: left, sampled, maskedAfter } of maskSchedule(9, steps)) {
      expect(one.knownCount).toBe(TOKENS - left);
      expect([...one.targets]).toEqual(order.slice(left - sampled, left).sort((a, b) => a - b));
      expect(one.guidance).toBe(1 + (2 * (TOKENS - maskedAfter)) / TOKENS);
      one.advance();
    }
    expect(one.knownCount).toBe(TOKENS);
  });

  it("of an edit has at most as many steps as unknown tokens, and their diffusion steps change over these", () => {
    const one = edited(
      { steps: 10, diffusion_steps: 20, diffusion_steps_final: 10 },
      new Uint8Array(TOKENS).fill(1, 0, 2),
    );
    expect(one.steps).toBe(2);
    expect(diffusionOf(one)).toEqual({ diffusionSteps: 20, maxTimestep: 500 });
    one.advance();
    expect(diffusionOf(one)).toEqual({ diffusionSteps: 10, maxTimestep: 500 });
  });

  it("of an edit of low strength samples a share of the masked tokens, other ones for another seed", () => {
    const masked = new Uint8Array(TOKENS).fill(1, 4);
    const sampledOf = (strength: number, seed: number) => [...edited({ steps: 1 }, masked, strength, seed).targets];
    const half = sampledOf(0.5, 1);
    expect(half).toHaveLength(6);
    for (const token of half) expect(token).toBeGreaterThanOrEqual(4);
    expect(sampledOf(0.5, 1)).toEqual(half);
    expect(sampledOf(0.5, 2)).not.toEqual(half);
    expect(sampledOf(0.001, 1)).toHaveLength(1);
    // A lower strength keeps more of the same tokens.
    expect(half).toEqual(expect.arrayContaining(sampledOf(0.25, 1)));
  });

  it("notices a token that is no number among those it just sampled", () => {
    const one = image({ steps: 4 });
    const { token_channels: C } = MODEL;
    for (const position of one.targets) one.tokens.fill(1, position * C, (position + 1) * C);
    expect(hasFiniteTargets(one, C)).toBe(true);
    one.tokens[one.targets[0]! * C + 3] = Number.POSITIVE_INFINITY;
    expect(hasFiniteTargets(one, C)).toBe(false);
  });
});
