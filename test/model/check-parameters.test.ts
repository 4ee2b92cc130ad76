import { describe, expect, it } from "vitest";
import { checkImageRequest, checkParameters, parameterNames } from "../../src/model/check-parameters.js";
import type { SamplingParameters } from "../../src/model/parameters.js";

const MODEL = { generator: { token_count: 64, class_count: 12 } };
const GOOD: SamplingParameters = {
  class: 3,
  steps: 64,
  guidance_scale: 2.5,
  guidance_schedule: "linear",
  temperature: 1,
  diffusion_steps: 50,
  max_timestep: 999,
  order: "random",
};
const faults = (change: Record<string, unknown>) =>
  checkParameters({ ...GOOD, ...change } as SamplingParameters, MODEL).map((fault) => fault.field);

describe("checkParameters", () => {
  it("takes everything inside the ranges, ends included", () => {
    expect(faults({})).toEqual([]);
    expect(faults({ diffusion_steps_final: 2, order: "checkerboard", reconstruction_steps: 64 })).toEqual([]);
    expect(faults({ class: null, steps: 1, guidance_scale: 1, temperature: 0, diffusion_steps: 2 })).toEqual([]);
    expect(faults({ class: 11, guidance_scale: 20, temperature: 2, diffusion_steps: 1000, max_timestep: 1 })).toEqual(
      [],
    );
  });

  it.each([
    ["class", 12],
    ["class", -1],
    ["class", 1.5],
    ["class", "3"],
    ["class", undefined],
    ["steps", 0],
    ["steps", 65],
    ["steps", "8"],
    ["guidance_scale", 0.99],
    ["guidance_scale", 20.1],
    ["guidance_scale", Number.NaN],
    ["guidance_schedule", "cosine"],
    ["temperature", -0.1],
    ["temperature", Number.POSITIVE_INFINITY],
    ["diffusion_steps", 1],
    ["diffusion_steps", 1001],
    ["max_timestep", 0],
    ["max_timestep", 1000],
    ["order", "spiral"],
    ["diffusion_steps_final", 1],
    ["diffusion_steps_final", 1001],
    ["diffusion_steps_final", null],
    ["reconstruction_steps", -1],
    ["reconstruction_steps", 65],
    ["reconstruction_steps", 1.5],
  ])("names %s when it is %s", (field, value) => {
    expect(faults({ [field]: value })).toEqual([field]);
  });

  it("says what was wrong and what would be right", () => {
    const [fault] = checkParameters({ ...GOOD, steps: 65 }, MODEL);
    expect(fault?.message).toBe("must be a whole number from 1 to 64 (the model's tokens), not 65");
    const [long] = checkParameters({ ...GOOD, order: "x".repeat(1e6) as "raster" }, MODEL);
    expect(long?.message.length).toBeLessThan(120);
  });

  it("takes a decoder where the model has two", () => {
    const sizes = { channels: [32], blocks: 1, norm_groups: 32, norm_eps: 1e-5 };
    const decoder = { kind: "consistency" as const, ...sizes, clamp: true };
    const both = { ...MODEL, decoder };
    for (const name of ["consistency", "tokenizer"] as const)
      expect(checkParameters({ ...GOOD, decoder: name }, both)).toEqual([]);
    expect(checkParameters({ ...GOOD, decoder: "vae" as "tokenizer" }, both)).toEqual([
      { field: "decoder", message: 'must be "consistency" or "tokenizer", not "vae"' },
    ]);
    expect(checkParameters({ ...GOOD, decoder: "tokenizer" }, MODEL)).toEqual([
      { field: "decoder", message: "must be absent: the model has only its tokenizer's decoder" },
    ]);
    expect(parameterNames(both)).toEqual([...parameterNames(MODEL), "decoder"]);
  });

  it("names every fault at once", () => {
    expect(faults({ class: 99, steps: 0, order: 1 })).toEqual(["class", "steps", "order"]);
  });
});

describe("checkImageRequest", () => {
  it("checks the seed and the image index too", () => {
    const check = (seed: number, imageIndex: number) =>
      checkImageRequest({ parameters: GOOD, seed, imageIndex }, MODEL).map((fault) => fault.field);
    expect(check(Number.MAX_SAFE_INTEGER, 2 ** 21 - 1)).toEqual([]);
    expect(check(Number.MAX_SAFE_INTEGER + 1, 2 ** 21)).toEqual(["seed", "image_index"]);
    expect(check(-1, -1)).toEqual(["seed", "image_index"]);
  });
});
