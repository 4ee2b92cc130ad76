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
const points = (...argv: string[]) => sweepPoints(readSweepOptions(["--out", "x", ...argv]), models);

test("guidance varies with every schedule, where the family has schedules", () => {
  const argv = ["--guidance-scale", "1.5,4", "--guidance-schedule", "linear,constant", "--presets", "fast"];
  expect(points("--model", "mar", ...argv).map(({ name }) => name)).toEqual([
    "fast",
    "guidance_scale 1.5 linear",
    "guidance_scale 1.5 constant",
    "guidance_scale 4 linear",
    "guidance_scale 4 constant",
  ]);
  expect(points("--model", "dit", "--guidance-scale", "1.5,4", "--steps", "50,250")).toEqual([
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
