import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../../src/engine/runtime/runtime.js";
import { Recording } from "../../../src/evaluation/parity/recording.js";
import { relativeError } from "../../../src/evaluation/parity/report.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import { type DiffusionTransformer, graphsOf, type Manifest } from "../../../src/model/manifest.js";
import { patchify } from "../../../src/model/sampler/patches.js";
import { WatchedBatch, watched } from "../../engine/tiny-engine.js";
import { REFERENCE } from "../../reference.js";
import { importSit } from "../sit/tiny-sit.js";
import { importDit } from "./tiny-dit.js";

/** The engine's own images against the official sampler's, on the recorded noise: the two draw theirs from different generators. */
let noise: readonly (readonly Float32Array[])[]; // by image, then by draw: [L, C]

vi.mock("../../../src/model/sampler/noise.js", () => ({
  ImageNoise: class {
    constructor(
      _seed: number,
      readonly image: number,
    ) {}

    fill(out: Float32Array, offset: number, channels: number, _step: number, token: number, draw: number): void {
      const from = token * channels;
      out.set(noise[this.image]![draw]!.subarray(from, from + channels), offset);
    }
  },
}));

/** Of a whole run: the rounding of its steps adds up. */
const ALLOWED = 1e-3;

const opened = new Map<string, { readonly manifest: Manifest; readonly runtime: Runtime }>();
beforeAll(async () => {
  for (const [system, imported] of [
    ["dit", await importDit()],
    ["sit", await importSit()],
  ] as const) {
    const { folder, manifest } = imported;
    opened.set(system, {
      manifest,
      runtime: await openRuntime(folder, { threads: 1, graphs: graphsOf(manifest.architecture) }),
    });
  }
});
afterAll(async () => {
  for (const { runtime } of opened.values()) await runtime.close();
});

test.each([
  ["dit", "ddpm_8"],
  ["dit", "ddpm_25"],
  ["dit", "ddpm_8_unguided"],
  ["dit", "ddim_8"],
  ["sit", "euler_8"],
  ["sit", "heun_5"],
  ["sit", "sde_8"],
  ["sit", "sde_5_unguided"],
])("%s: %s", async (system, name) => {
  const { manifest, runtime } = opened.get(system)!;
  const file = await openCheckpoint(join(REFERENCE, "systems", system, `${name}.safetensors`));
  const recording = new Recording(file);
  noise = await recordedNoise(recording, manifest.architecture.generator as DiffusionTransformer);
  const latents: Float32Array[] = [];
  const captured = watched(runtime, {
    decode: (inputs, run) => {
      latents.push((inputs.latents!.data as Float32Array).slice());
      return run();
    },
  });
  const batch = new WatchedBatch(captured, manifest);
  for (const [index, label] of (recording.metadata("labels") as number[]).entries()) {
    const parameters = {
      class: label,
      steps: Number(recording.metadata(system === "dit" ? "respacing" : "steps")),
      guidance_scale: recording.metadata("cfg") as number,
      sampler: recording.metadata("sampler") as FamilyParameters<"dit" | "sit">["sampler"],
    };
    batch.submit(index, { parameters, seed: 0, imageIndex: index });
  }
  await batch.run();
  const expected = await recording.floats("latents");
  expect(relativeError(latents[0]!, expected.data)).toBeLessThan(ALLOWED);
  const recorded = (await recording.tensor("pixels")).data;
  const size = recorded.length / expected.shape[0]!;
  // A number near a whole one may be cut off on either side of it.
  for (let i = 0; i < recorded.length; i++)
    expect(Math.abs(batch.ended.get(Math.floor(i / size))!.pixels![i % size]! - recorded[i]!)).toBeLessThanOrEqual(1);
  await file.close();
});

/** `noise` is [draws, images, C', h, w]. */
async function recordedNoise(recording: Recording, generator: DiffusionTransformer): Promise<Float32Array[][]> {
  const { shape, data } = await recording.floats("noise");
  const [draws = 0, images = 0] = shape;
  const size = data.length / (draws * images);
  return Array.from({ length: images }, (_, image) =>
    Array.from({ length: draws }, (_, draw) => {
      const start = (draw * images + image) * size;
      const tokens = new Float32Array(size);
      patchify(data.subarray(start, start + size), generator, tokens);
      return tokens;
    }),
  );
}
