import type { Stage } from "../../engine/family.js";
import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import { chunksBySize, type StepRuns } from "../../engine/step-runs.js";
import type { DiffusionTransformer } from "../../model/manifest.js";
import { timestepFrequencies } from "../../model/sampler/diffusion-schedule.js";
import type { DiffusionImage } from "./image.js";

/** Memory that one run's activations may take: bounds how long a run lasts, too. */
const PREDICT_BYTES = 64 * 1024 * 1024;

/** One run of `predict`: rows of any timesteps and classes. */
export interface PredictBatch {
  readonly x: Float32Array; // [rows, L, C]
  readonly timesteps: readonly number[]; // [rows]
  /** Class indices; class_count for "no class". */
  readonly classes: readonly number[]; // [rows]
}

/** The network's output, [rows, L, 2C], or [rows, L, C] of some SiTs; exposed graphs give other tensors beside it. */
export async function predict(runtime: Runtime, model: DiffusionTransformer, { x, timesteps, classes }: PredictBatch) {
  const rows = classes.length;
  const { token_count: L, token_channels: C, frequency_channels: F } = model;
  return runtime.run("predict", {
    x: { data: x, shape: [rows, L, C] },
    frequencies: { data: timestepFrequencies(timesteps, F), shape: [rows, F] },
    classes: { data: BigInt64Array.from(classes, BigInt), shape: [rows] },
  });
}

/** The transformer's part of a step. All sequences are equally long, so images of any timestep, class and guidance share a run. */
export class Predictor implements Stage<DiffusionImage> {
  readonly span = "transformerMs";
  readonly #rowLimit: number;

  constructor(
    private readonly runtime: Runtime,
    private readonly model: DiffusionTransformer,
  ) {
    this.#rowLimit = Math.max(1, Math.floor(((runtime.runMemory ?? 1) * PREDICT_BYTES) / activationBytes(model)));
  }

  async run(images: readonly DiffusionImage[], runs: StepRuns<DiffusionImage>): Promise<void> {
    for (const chunk of chunksBySize(images, this.#rowLimit, (image) => image.classes.length))
      await runs.run(chunk, (some) => this.#predict(some));
  }

  async #predict(images: readonly DiffusionImage[]): Promise<void> {
    const rows = images.flatMap((image) => image.classes.map((label) => ({ image, label })));
    const size = this.model.token_count * this.model.token_channels;
    const x = new Float32Array(rows.length * size);
    for (const [row, { image }] of rows.entries()) x.set(image.x, row * size);
    const timesteps = rows.map(({ image }) => image.timestep);
    const batch = { x, timesteps, classes: rows.map(({ label }) => label) };
    const out = floats(await predict(this.runtime, this.model, batch), "out");
    const outputSize = out.length / rows.length;
    let row = 0;
    for (const image of images)
      image.outputs = image.classes.map(() => out.subarray(outputSize * row, outputSize * ++row));
  }
}

/** Bytes of one row's largest activations: attention scores, and about twelve tensors as wide as the model. */
function activationBytes({ token_count: L, transformer: { heads, width, mlp_width } }: DiffusionTransformer): number {
  return 4 * L * (heads * L + 8 * width + mlp_width);
}
