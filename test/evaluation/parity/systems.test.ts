import { join } from "node:path";
import { expect, test } from "vitest";
import { compareFolder, compareScheduleFile } from "../../../src/evaluation/parity/parity.js";
import { formatReport } from "../../../src/evaluation/parity/report.js";
import { REFERENCE } from "../../reference.js";

const SYSTEMS = join(REFERENCE, "systems");

test.each([
  ["consistency", 1, ["diffusion_pytorch_model.safetensors"]],
  ["vq16", 1, ["model.ckpt"]],
  ["llamagen/vq-4x4", 1, ["vq.pt"]],
  ["llamagen/vq-6x6", 1, ["vq.pt"]],
  ["kl8", 1, ["model.ckpt", "diffusers/diffusion_pytorch_model.safetensors"]],
  [
    "sit",
    5,
    [
      "checkpoint.pt and ../kl8/model.ckpt",
      "model.safetensors and ../kl8/diffusers/diffusion_pytorch_model.safetensors",
    ],
  ],
  [
    "sit-patch-4",
    4,
    [
      "model.safetensors and ../kl8/model.ckpt",
      "model.safetensors and ../kl8/diffusers/diffusion_pytorch_model.safetensors",
    ],
  ],
  [
    "dit",
    6,
    [
      "checkpoint.pt and ../kl8/model.ckpt",
      "released.pt and ../kl8/diffusers/diffusion_pytorch_model.safetensors",
      "model.safetensors and ../kl8/diffusers/diffusion_pytorch_model.safetensors",
    ],
  ],
  ["detok/small", 5, ["generator.pth and tokenizer.pth"]],
  ["llamagen/4x4", 4, ["c2i.pt and ../vq-4x4/vq.pt"]],
  ["llamagen/6x6", 3, ["c2i.pt and ../vq-6x6/vq.pt"]],
  ...(["raster-diffusion", "random-diffusion"] as const).map(
    (name) =>
      [
        `paper/${name}`,
        1,
        [
          "generator.safetensors and ../../kl8/model.ckpt",
          "generator.safetensors and ../../kl8/diffusers/diffusion_pytorch_model.safetensors",
        ],
      ] as [string, number, string[]],
  ),
  ["paper/raster-codes", 1, ["generator.safetensors and ../../llamagen/vq-6x6/vq.pt"]],
  ["paper/random-codes", 1, ["generator.safetensors and ../../llamagen/vq-4x4/vq.pt"]],
  ["paper/mar-codes", 1, ["generator.safetensors and ../../llamagen/vq-4x4/vq.pt"]],
  ["paper/mar-codes-odd", 1, ["generator.safetensors and ../../llamagen/vq-6x6/vq.pt"]],
  ["detok/deep", 5, ["generator.safetensors and tokenizer.safetensors"]],
])("%s: every file of the recordings is within what is allowed", async (system, recordings, files) => {
  const titles = [];
  for await (const { title, report } of compareFolder(join(SYSTEMS, system))) {
    titles.push(title);
    expect(report.failed, formatReport(report)).toBe(false);
    expect(new Set(report.lines().map((line) => line.recording)).size).toBe(recordings);
  }
  expect(titles).toEqual(files);
});

test("a DiT's timesteps and coefficients are the official ones", async () => {
  const { report } = await compareScheduleFile(join(SYSTEMS, "dit/schedules.json"));
  expect(report.failed, formatReport(report)).toBe(false);
});
