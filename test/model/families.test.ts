import { describe, expect, it } from "vitest";
import { modelResource } from "../../src/api/resources/model-resource.js";
import { Problem } from "../../src/errors.js";
import { checkParameters } from "../../src/model/check-parameters.js";
import { FAMILY_TRAITS } from "../../src/model/family-traits.js";
import { Manifest } from "../../src/model/manifest.js";
import type { DefaultParameters, SamplingParameters } from "../../src/model/parameters.js";
import { checkManifest, type ModelRegistry } from "../../src/model/registry.js";
import type { KlTokenizer } from "../../src/model/tokenizer-architecture.js";
import { resolveRequest } from "../../src/resolve-request.js";
import { fieldErrors } from "../../src/validation/field-errors.js";
import { exampleCausal } from "../families/causal/tiny-causal.js";
import { exampleDit } from "../families/dit/tiny-dit.js";
import { exampleSit } from "../families/sit/tiny-sit.js";
import { exampleManifest } from "./example-manifest.js";

const DEFAULTS: DefaultParameters = { steps: 250, guidance_scale: 4, sampler: "ddpm" };

function ditManifest(change: Partial<Manifest> = {}): Manifest {
  const example = exampleManifest("dit");
  const { encoder_levels: _, ...tokenizer } = example.architecture.tokenizer as KlTokenizer;
  const generator = { ...exampleDit(), class_count: example.classes.length };
  const presets = { fast: { description: "Fast.", parameters: { steps: 25, sampler: "ddim" as const } } };
  return { ...example, architecture: { generator, tokenizer }, defaults: DEFAULTS, presets, ...change };
}

const models: ModelRegistry = {
  default: "dit",
  list: () => [ditManifest()],
  get: () => ditManifest(),
  folderOf: (name) => name,
};
const detailOf = (request: Parameters<typeof resolveRequest>[0]) => {
  try {
    resolveRequest(request, models, 8);
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
  return undefined;
};

describe("a request to a model of another family", () => {
  it("is completed with that family's parameters", () => {
    expect(resolveRequest({ class: 1, seed: 3, preset: "fast" }, models, 8).parameters).toEqual({
      class: 1,
      steps: 25,
      guidance_scale: 4,
      sampler: "ddim",
    });
  });

  it("may not have a parameter that the family does not, and learns which ones it has", () => {
    const has = "must be absent: this model, of the family dit, has class, steps, guidance_scale, sampler.";
    expect(detailOf({ class: 1, temperature: 0.9 })).toBe(`temperature ${has}`);
    expect(detailOf({ class: 1, order: "raster", max_timestep: 950 })).toContain(`order ${has} max_timestep ${has}`);
    expect(
      checkParameters(
        { class: 1, ...exampleManifest().defaults, sampler: "ddim" },
        { generator: { token_count: 16, class_count: 4 } },
      ),
    ).toEqual([
      {
        field: "sampler",
        message:
          "must be absent: this model, of the family mar, has class, steps, guidance_scale, guidance_schedule, temperature, diffusion_steps, max_timestep, order, diffusion_steps_final, reconstruction_steps",
      },
    ]);
  });

  it.each([
    [{ steps: 1 }, "steps must be a whole number from 2 to 1000, not 1."],
    [{ steps: 1001 }, "steps must be a whole number from 2 to 1000, not 1001."],
    [{ guidance_scale: 21 }, "guidance_scale must be a number from 1 to 20, not 21."],
    [{ sampler: "ddpn" as "ddpm" }, 'sampler must be "ddpm" or "ddim", not "ddpn".'],
  ])("has its own bounds: %o", (change, detail) => {
    expect(detailOf({ class: 1, ...change })).toBe(detail);
    expect(detailOf({ class: 1, steps: 1000, guidance_scale: 20 })).toBeUndefined();
  });
});

it("a SiT has samplers of its own", () => {
  const parameters = { class: 1, steps: 250, guidance_scale: 4 };
  expect(checkParameters({ ...parameters, sampler: "heun" }, { generator: exampleSit() })).toEqual([]);
  expect(checkParameters({ ...parameters, sampler: "ddpm" }, { generator: exampleSit() })).toEqual([
    { field: "sampler", message: 'must be "euler", "heun" or "sde", not "ddpm"' },
  ]);
});

it("a causal model has one step for each token, and filters of codes", () => {
  const model = { generator: exampleCausal() };
  const parameters = { class: 1, steps: 16, guidance_scale: 4, temperature: 1 };
  expect(checkParameters({ ...parameters, top_k: 0, top_p: 1, guidance_steps: 0 }, model)).toEqual([]);
  expect(checkParameters({ ...parameters, steps: 15, top_k: -1, top_p: 0, guidance_steps: 17 }, model)).toEqual([
    { field: "steps", message: "must be 16 (the model's tokens), not 15" },
    { field: "guidance_steps", message: "must be a whole number from 0 to 16 (the model's tokens), not 17" },
    { field: "top_k", message: "must be a whole number from 0 to 1048576, not -1" },
    { field: "top_p", message: "must be more than 0 and at most 1, not 0" },
  ]);
  expect(checkParameters({ ...parameters, sampler: "ddim" }, model)[0]?.message).toContain("must be absent");
  expect(detailOf({ class: 1, top_k: 5 })).toContain("top_k must be absent");
});

it("a causal model of MAR's paper has the order that it was trained in, and the parameters of its head", () => {
  const { rope_base: _, transformer: decoder, head_kind, codes, ...grid } = exampleCausal();
  const shapes = { ...grid, attention: "causal", decoder, norm_eps: 1e-6 } as const;
  const head = { width: 8, depth: 1, frequency_channels: 256 };
  const diffusion = { ...shapes, head_kind: "diffusion", head, train_timesteps: 1000, order: "raster" } as const;
  const categorical = { ...shapes, head_kind, codes, order: "random" } as const;
  const parameters = { class: 1, steps: 16, guidance_scale: 4, temperature: 1 };
  const faultsOf = (change: Partial<SamplingParameters>, generator: typeof diffusion | typeof categorical) =>
    checkParameters({ ...parameters, ...change }, { generator }).map(({ field, message }) => `${field} ${message}`);
  expect(faultsOf({ diffusion_steps: 10, max_timestep: 999, order: "raster" }, diffusion)).toEqual([]);
  expect(faultsOf({ order: "random", top_k: 3 }, diffusion)).toEqual([
    "diffusion_steps must be a whole number from 2 to 1000, not absent",
    "max_timestep must be a whole number from 1 to 999, not absent",
    'order must be "raster", not "random"',
    expect.stringContaining("top_k must be absent"),
  ]);
  expect(faultsOf({ order: "checkerboard", top_k: 3 }, categorical)).toEqual([]);
  expect(faultsOf({ order: "confidence", diffusion_steps: 3 }, categorical)).toEqual([
    'order must be "random", "raster" or "checkerboard", not "confidence"',
    expect.stringContaining("diffusion_steps must be absent"),
  ]);
});

it("a MAR that draws codes has the order of confidence, and no diffusion", () => {
  const generator = { token_count: 16, class_count: 4, head_kind: "categorical" } as const;
  const { diffusion_steps: _, max_timestep: __, ...defaults } = exampleManifest().defaults;
  const parameters = { class: 1, ...defaults };
  expect(
    checkParameters({ ...parameters, order: "confidence", confidence_noise: 0, top_p: 0.5 }, { generator }),
  ).toEqual([]);
  expect(checkParameters({ ...parameters, confidence_noise: -1, max_timestep: 3 }, { generator })).toEqual([
    { field: "confidence_noise", message: "must be a number from 0 to 100, not -1" },
    { field: "max_timestep", message: expect.stringContaining("must be absent") },
  ]);
});

describe("a manifest", () => {
  it("is read by its family's shape", () => {
    expect(fieldErrors(Manifest, ditManifest())).toEqual([]);
    const { tokenizer } = ditManifest().architecture;
    const sit = { ...exampleSit(), learn_sigma: "yes" };
    expect(fieldErrors(Manifest, { ...ditManifest(), architecture: { generator: sit, tokenizer } })).toEqual([
      { pointer: "/architecture/generator/learn_sigma", message: 'must be true or false, not "yes"' },
    ]);
    expect(checkManifest(ditManifest())).toEqual([]);
    const { transformer: _, ...broken } = exampleDit();
    const dit = { ...ditManifest(), architecture: { ...ditManifest().architecture, generator: broken } };
    expect(fieldErrors(Manifest, dit)).toEqual([
      { pointer: "/architecture/generator/transformer", message: "is required: an object" },
    ]);
    const mar = exampleManifest();
    const wrong = { ...mar.architecture.generator, head_kind: "softmax" };
    expect(fieldErrors(Manifest, { ...mar, architecture: { ...mar.architecture, generator: wrong } })).toEqual([
      { pointer: "/architecture/generator/head_kind", message: 'must be "diffusion", not "softmax"' },
    ]);
  });

  it("has a default for every parameter that images of the family need, and for no other", () => {
    const { sampler: _, ...fewer } = DEFAULTS;
    expect(checkManifest(ditManifest({ defaults: fewer }))).toContainEqual({
      pointer: "/defaults/sampler",
      message: 'must be "ddpm" or "ddim", not absent',
    });
    const more = { ...DEFAULTS, temperature: 1 };
    expect(checkManifest(ditManifest({ defaults: more })).map(({ pointer }) => pointer)).toContain(
      "/defaults/temperature",
    );
  });

  it("is shown with its family and what requests may set", () => {
    const config = { publicPath: "" } as Parameters<typeof modelResource>[1]["config"];
    expect(modelResource(ditManifest(), { config })).toMatchObject({
      family: "dit",
      parameters: ["steps", "guidance_scale", "sampler"],
      step_bounds: { minimum: 2, maximum: 1000 },
      samplers: ["ddpm", "ddim"],
      can_edit: false,
    });
    expect(modelResource(exampleManifest(), { config })).toMatchObject({
      family: "mar",
      step_bounds: { minimum: 1, maximum: 16 },
      orders: ["random", "raster", "checkerboard"],
    });
  });
});

it("every parameter but the decoder belongs to a family", () => {
  const all = new Set(Object.values(FAMILY_TRAITS).flatMap(({ required, optional }) => [...required, ...optional]));
  const known: Record<keyof Omit<SamplingParameters, "class" | "decoder">, true> = {
    steps: true,
    guidance_scale: true,
    guidance_schedule: true,
    guidance_steps: true,
    temperature: true,
    top_k: true,
    top_p: true,
    diffusion_steps: true,
    diffusion_steps_final: true,
    max_timestep: true,
    order: true,
    reconstruction_steps: true,
    confidence_noise: true,
    sampler: true,
  };
  expect([...all].sort()).toEqual(Object.keys(known).sort());
});
