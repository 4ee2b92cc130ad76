import { describe, expect, it } from "vitest";
import { Problem } from "../src/errors.js";
import type { GenerateRequest } from "../src/job.js";
import type { ModelRegistry } from "../src/model/registry.js";
import { drawSeed, resolveRequest } from "../src/resolve-request.js";
import { exampleManifest } from "./model/example-manifest.js";

const manifests = [exampleManifest(), { ...exampleManifest("other"), default_preset: "fast" }];
const models: ModelRegistry = {
  default: "demo",
  list: () => manifests,
  get: (name) => manifests.find((manifest) => manifest.name === name),
  folderOf: (name) => `models/${name}`,
};
const resolve = (request: GenerateRequest) => resolveRequest(request, models, 8);

function problemOf(request: GenerateRequest): Problem {
  try {
    resolve(request);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("The request was accepted.");
}

describe("resolveRequest", () => {
  it("fills in the model's defaults", () => {
    const { parameters, ...rest } = resolve({ class: "star", seed: 7 });
    expect(parameters).toEqual({ class: 0, ...exampleManifest().defaults });
    expect(rest).toEqual({ model: "demo", seed: 7, num_images: 1, output_format: "png", priority: "normal" });
  });

  it("puts the request's fields before the preset's, and those before the defaults", () => {
    const { parameters } = resolve({ class: null, preset: "fast", diffusion_steps: 50, temperature: 0 });
    expect(parameters).toMatchObject({ class: null, steps: 4, diffusion_steps: 50, temperature: 0, max_timestep: 950 });
  });

  it("accepts parameters without a default, from a preset and from the request", () => {
    const annealed = { ...exampleManifest(), default_preset: "annealed" };
    annealed.presets = {
      annealed: { description: "", parameters: { diffusion_steps_final: 5, reconstruction_steps: 2 } },
    };
    const one = { ...models, list: () => [annealed], get: () => annealed };
    const { parameters } = resolveRequest({ class: 0, reconstruction_steps: 0 }, one, 8);
    expect(parameters).toMatchObject({ diffusion_steps: 25, diffusion_steps_final: 5, reconstruction_steps: 0 });
  });

  it("applies the model's default preset if the request names none", () => {
    expect(resolve({ class: 0, model: "other" }).parameters.steps).toBe(4);
    expect(resolve({ class: 0, model: "other", preset: "best" }).parameters.steps).toBe(16);
  });

  it("takes the preset that a quality stands for, and names the preset that it applied", () => {
    expect(resolve({ class: 0 })).not.toHaveProperty("preset");
    expect(resolve({ class: 0, model: "other" }).preset).toBe("fast");
    expect(resolve({ class: 0, quality: "low" })).toMatchObject({ preset: "fast", parameters: { steps: 4 } });
    const high = resolve({ class: 0, model: "other", quality: "high", diffusion_steps: 7 });
    expect(high).toMatchObject({ preset: "best", parameters: { steps: 16, diffusion_steps: 7 } });
    const bare = { ...exampleManifest(), presets: {} };
    const one = { ...models, list: () => [bare], get: () => bare };
    expect(() => resolveRequest({ class: 0, quality: "low" }, one, 8)).toThrow(
      "quality must be absent for this model, which has no presets.",
    );
  });

  it("gives a JPEG or WebP the best quality unless another is asked for", () => {
    expect(resolve({ class: 0, output_format: "jpeg" })).toMatchObject({ output_compression: 100 });
    const webp = { output_format: "webp", output_compression: 0 } as const;
    expect(resolve({ class: 0, ...webp })).toMatchObject(webp);
    expect(resolve({ class: 0 })).not.toHaveProperty("output_compression");
  });

  it.each([
    [
      { width: 256, height: 64 },
      { width: 256, height: 64, scaling: "smooth" },
    ],
    [{ width: 512 }, { width: 512, height: 512, scaling: "smooth" }],
    [
      { height: 2048, scaling: "pixelated" },
      { width: 2048, height: 2048, scaling: "pixelated" },
    ],
    [{ width: 128, height: 128 }, undefined],
    [{ scaling: "smooth" }, undefined],
    [{}, undefined],
  ] as const)("resolves the size %j to %j", (size, expected) => {
    expect(resolve({ class: 0, ...size }).output_size).toEqual(expected);
  });

  it("keeps the proportions of the model's size if a side is missing, up to the longest side", () => {
    const wide = exampleManifest();
    wide.architecture.tokenizer.image_width = 384;
    const one = { ...models, list: () => [wide], get: () => wide };
    const size = (request: object) => resolveRequest({ class: 0, ...request }, one, 8).output_size;
    expect(size({ height: 100 })).toMatchObject({ width: 300, height: 100 });
    expect(() => size({ height: 700 })).toThrow(
      "width must be an integer from 1 to 2048; in the proportions of demo it would be 2100.",
    );
    expect(() => size({ width: 1 })).toThrow("in the proportions of demo it would be 0.");
  });

  it("refuses sharp edges for sizes that are no multiple of the model's", () => {
    for (const size of [{ width: 200 }, { width: 256, height: 200 }, { width: 64 }]) {
      expect(problemOf({ class: 0, ...size, scaling: "pixelated" }).options.errors).toEqual([
        {
          pointer: "/scaling",
          message: 'must be "smooth" unless the size is a multiple of 128x128, that of demo',
        },
      ]);
    }
  });

  it.each([
    [3, 3],
    ["STAR", 0],
    [" heart ", 1],
    ["N00000001", 0],
    ["crane, hoist", 3],
    ["heron", 2],
    [null, null],
  ])("finds class %j", (asked, index) => {
    expect(resolve({ class: asked }).parameters.class).toBe(index);
  });

  it("suggests what may have been meant", () => {
    const problem = problemOf({ class: "stra" });
    expect(problem.code).toBe("unknown_class");
    expect(problem.options.errors).toEqual([
      { pointer: "/class", message: expect.stringMatching(/not "stra"; did you mean "star"\?$/) },
    ]);
  });

  it("refuses unknown indices, quoted indices and ambiguous names, and says what would be right", () => {
    expect(problemOf({ class: 4 }).message).toBe(
      "class must be an index from 0 to 3, a class name of demo, or null, not 4.",
    );
    expect(problemOf({ class: "2" }).message).toMatch(/write an index without quotes\.$/);
    expect(problemOf({ class: "crane" }).message).toMatch(/names 2 classes: choose 2 \(crane, heron\) or 3 /);
    expect(problemOf({ class: "zebra" }).message).not.toMatch(/did you mean/);
  });

  it.each([
    [{ class: 0, model: "demo2" }, "unknown_model", "/model"],
    [{ class: 0, preset: "toString" }, "unknown_preset", "/preset"],
    [{ class: 0, steps: 17 }, "invalid_request", "/steps"],
    [{ class: 0, num_images: 9 }, "invalid_request", "/num_images"],
    [{ class: 0, quality: "low", preset: "best" }, "invalid_request", "/quality"],
    [{ class: 0, output_compression: 100 }, "invalid_request", "/output_compression"],
  ] as const)("refuses %j as %s at %s", (request, code, pointer) => {
    const problem = problemOf(request);
    expect(problem.code).toBe(code);
    expect(problem.options.errors?.map((error) => error.pointer)).toEqual([pointer]);
  });

  it("draws a seed when there is none", () => {
    const seeds = Array.from({ length: 50 }, () => resolve({ class: 0 }).seed);
    expect(new Set(seeds).size).toBe(50);
    for (const seed of [...seeds, drawSeed()]) expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 48);
  });

  it("keeps seed 0", () => {
    expect(resolve({ class: 0, seed: 0 }).seed).toBe(0);
  });
});
