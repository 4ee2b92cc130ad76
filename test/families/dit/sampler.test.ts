import { describe, expect, it } from "vitest";
import { diffusionStep } from "../../../src/families/dit/diffusion-step.js";
import { guide } from "../../../src/families/dit/evaluation.js";
import type { DiffusionImage } from "../../../src/families/dit/image.js";
import { ditSchedule } from "../../../src/families/dit/schedule.js";
import { ditImage, ditRequest, exampleDit } from "./tiny-dit.js";

const GRID = { token_count: 2, token_channels: 16, patch_size: 2 };

describe("guidance", () => {
  const conditional = Float32Array.from({ length: 64 }, (_, i) => i);
  const unconditional = conditional.map((value) => value / 2);

  it("combines the eps of the first three latent channels only", () => {
    const eps = guide([conditional, unconditional], 3, GRID);
    for (const token of [0, 1])
      for (let channel = 0; channel < 16; channel++) {
        const own = conditional[token * 32 + channel]!;
        expect(eps[token * 16 + channel]).toBe(channel < 12 ? own / 2 + 3 * (own - own / 2) : own);
      }
  });

  it("changes nothing without an unconditional row", () => {
    expect(guide([conditional], 9, GRID)).toEqual(
      Float32Array.of(...conditional.slice(0, 16), ...conditional.slice(32, 48)),
    );
  });
});

describe("a step", () => {
  const one = (value: number) => new Float32Array(16).fill(value);
  const output = new Float32Array(32).fill(-1, 16); // the variance's lower bound
  const [first] = ditSchedule(10);
  const last = ditSchedule(10).at(-1)!;

  it("adds noise times the deviation that the network chose, and none at the end", () => {
    const step = (at: typeof last, noise: number) =>
      diffusionStep("ddpm", at, { x: one(1), output, guided: one(0.5), noise: one(noise) }, GRID).x[0]!;
    expect(step(first!, 1) - step(first!, 0)).toBeCloseTo(Math.exp(first!.minLogVariance / 2), 5);
    expect(step(last, 1)).toBe(step(last, 0));
  });

  it("of ddim takes no noise, and ends in x0", () => {
    const step = (at: typeof last, noise: number) =>
      diffusionStep("ddim", at, { x: one(1), output, guided: one(0.5), noise: one(noise) }, GRID);
    expect(step(first!, 1)).toEqual(step(first!, 0));
    const { x, x0 } = step(last, 0);
    expect(x).toEqual(x0);
  });

  it("clips nothing", () => {
    const { x0 } = diffusionStep("ddpm", first!, { x: one(3), output, guided: one(0), noise: one(0) }, GRID);
    expect(x0[0]).toBeGreaterThan(100);
  });
});

describe("an image in flight", () => {
  const model = exampleDit();
  const outputs = (image: DiffusionImage) => image.classes.map(() => new Float32Array(2 * image.x.length));

  it("shows x0 until it is finished", () => {
    const image = ditImage(ditRequest({ steps: 2 }), model);
    const [first] = ditSchedule(2);
    expect(new Set(image.tokens)).toEqual(new Set([0]));
    const noise = image.x;
    image.outputs = outputs(image);
    expect(image.sample()).toBe(true);
    image.advance();
    expect(image.tokens).toEqual(noise.map((value) => value * first!.sqrtRecipAlphaBar));
    image.outputs = outputs(image);
    image.sample();
    image.advance();
    expect(image.tokens).toBe(image.x);
  });
});

describe("schedules", () => {
  it("run from the noisiest timestep to 0, however many are kept", () => {
    for (const steps of [2, 3, 250, 1000]) {
      const timesteps = ditSchedule(steps).map(({ timestep }) => timestep);
      expect([timesteps.length, timesteps[0], timesteps.at(-1)]).toEqual([steps, 999, 0]);
    }
    expect(() => ditSchedule(1)).toThrow("a whole number from 2 to 1000");
  });
});
