import type { Stage } from "../../engine/family.js";
import { floats, type Runtime, type Tensors } from "../../engine/runtime/runtime.js";
import type { StepRuns } from "../../engine/step-runs.js";
import { OUTPUT } from "../heads/head-image.js";
import type { KeyValueCache } from "./cache.js";
import type { CausalImage } from "./image.js";

/** The next position of one row. */
export interface RowInput {
  /** What the row of the cache belongs to. */
  readonly owner: object;
  /** The input at position 0; class_count for "no class". */
  readonly label: number;
  /** How many positions the row's cache has. */
  readonly position: number;
  /** The input at any other position: the token before, its numbers or that of its code. */
  readonly token: ArrayLike<number>; // [C]
  /** Where that token lies; in raster order where absent. */
  readonly previous?: number;
  /** Where the token that follows lies. */
  readonly target?: number;
}

/** One run of `predict`. Returns where each row lies in its outputs, [rows, ...]. */
export async function predict(runtime: Runtime, cache: KeyValueCache, inputs: readonly RowInput[]) {
  const count = inputs.length;
  const { model } = cache;
  const longest = Math.max(...inputs.map(({ position }) => position)) + 1;
  const rows = cache.arrange(
    inputs.map(({ owner }) => owner),
    longest,
  );
  const vector = (numberOf: (input: RowInput) => number) => {
    const data = new BigInt64Array(count);
    for (const [i, input] of inputs.entries()) data[rows[i]!] = BigInt(numberOf(input));
    return { data, shape: [count] };
  };
  const shared = { classes: vector(({ label }) => label), positions: vector(({ position }) => position) };
  const own: Tensors =
    "order" in model
      ? {
          tokens: tokensOf(inputs, rows, model.token_channels),
          sources: vector(({ position, previous = position - 1 }) => (position === 0 ? 0 : 1 + previous)),
          targets: vector(({ position, target = position }) => target),
        }
      : { codes: vector(({ position, token }) => (position === 0 ? 0 : token[0]!)) };
  const outputs = await runtime.run("predict", { ...shared, ...own, ...cache.inputs(count) });
  return { rows, out: cache.append(outputs, Array.from(shared.positions.data, Number)) };
}

/** Zeros at position 0. */
function tokensOf(inputs: readonly RowInput[], rows: readonly number[], channels: number) {
  const data = new Float32Array(inputs.length * channels);
  for (const [i, { position, token }] of inputs.entries()) if (position > 0) data.set(token, rows[i]! * channels);
  return { data, shape: [inputs.length, channels] };
}

/** The transformer's part of a step. A row is one position long, so that images of any age share the step's run. */
export class Predictor implements Stage<CausalImage> {
  readonly span = "transformerMs";

  constructor(
    private readonly runtime: Runtime,
    private readonly cache: KeyValueCache,
  ) {}

  async run(images: readonly CausalImage[], runs: StepRuns<CausalImage>): Promise<void> {
    this.cache.keep(new Set(images.flatMap((image) => image.sequences)));
    await runs.run(images, (some) => this.#predict(some));
  }

  async #predict(images: readonly CausalImage[]): Promise<void> {
    const inputs = images.flatMap((image) => image.sequences.map((owner) => ({ owner, ...owner, ...image.input })));
    const { rows, out } = await predict(this.runtime, this.cache, inputs);
    const outputs = floats(out, OUTPUT[this.cache.model.head_kind]);
    const width = outputs.length / inputs.length;
    let next = 0;
    for (const image of images) {
      const [z, zUnconditional] = image.sequences.map(() => {
        const row = rows[next++]!;
        return outputs.subarray(row * width, (row + 1) * width);
      });
      image.setOutputs(z!, zUnconditional);
    }
  }
}
