import { expect, test } from "vitest";
import { readSweepOptions } from "../../../src/commands/sweep/options.js";
import { sweepPoints } from "../../../src/commands/sweep/points.js";
import type { Manifest } from "../../../src/model/manifest.js";
import { exampleDit } from "../../families/dit/tiny-dit.js";
import { exampleManifest } from "../../model/example-manifest.js";

const mar = exampleManifest("mar");
const dit: Manifest = {
  ...exampleManifest("dit"),
  architecture: { generator: exampleDit(), tokenizer: mar.architecture.tokenizer },
  defaults: { steps: 250, guidance_scale: 4, sampler: "ddpm" },
  presets: {},
};
const models = {
  default: "mar",
  list: () => [mar, dit],
  get: (name: string) => (name === "dit" ? dit : mar),
  folderOf: (name: string) => name,
};
const points = (model: string, ...argv: string[]) =>
  sweepPoints(readSweepOptions(["--out", "x", ...argv]), models, model);

test("guidance varies with every schedule, where the family has schedules", () => {
  const argv = ["--guidance-scale", "1.5,4", "--guidance-schedule", "linear,constant", "--presets", "fast"];
  expect(points("mar", ...argv).map(({ name }) => name)).toEqual([
    "fast",
    "guidance_scale 1.5 linear",
    "guidance_scale 1.5 constant",
    "guidance_scale 4 linear",
    "guidance_scale 4 constant",
  ]);
  expect(points("dit", "--guidance-scale", "1.5,4", "--steps", "50,250")).toEqual([
    { name: "steps 50", parameters: { ...dit.defaults, steps: 50 }, sweep: { field: "steps", value: 50 } },
    { name: "steps 250", parameters: dit.defaults, sweep: { field: "steps", value: 250 } },
    {
      name: "guidance_scale 1.5",
      parameters: { ...dit.defaults, guidance_scale: 1.5 },
      sweep: { field: "guidance_scale", value: 1.5 },
    },
    { name: "guidance_scale 4", parameters: dit.defaults, sweep: { field: "guidance_scale", value: 4 } },
  ]);
});

test("of several models, each takes the values that it can", () => {
  const options = readSweepOptions(["--out", "x", "--models", "mar,dit", "--steps", "1,8,250"]);
  const refused: string[] = [];
  const stepsOf = (model: string) =>
    sweepPoints(options, models, model, (reason) => refused.push(reason)).flatMap(({ sweep }) => sweep?.value ?? []);
  expect(stepsOf("mar")).toEqual([1, 8]);
  expect(stepsOf("dit")).toEqual([8, 250]);
  expect(refused).toEqual([
    "steps 250 is left out of mar: steps must be a whole number from 1 to 16 (the model's tokens), not 250.",
    "steps 1 is left out of dit: steps must be a whole number from 2 to 1000, not 1.",
  ]);
});
