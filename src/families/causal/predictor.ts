import type { Stage } from "../../engine/family.js";
import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import type { StepRuns } from "../../engine/step-runs.js";
import type { CausalArchitecture } from "../../model/manifest.js";
import type { KeyValueCache } from "./cache.js";
import type { CausalImage } from "./image.js";

/** The next position of one row. */
export interface RowInput {
  /** What the row of the cache belongs to. */
  readonly owner: object;
  /** The input at position 0; class_count for "no class". */
  readonly label: number;
  /** The input at any other position: the code before it. */
  readonly code: number;
  /** How many positions the row's cache has. */
  readonly position: number;
}

/** One run of `predict`. Returns where each row lies in its outputs, [rows, ...]. */
export async function predict(runtime: Runtime, cache: KeyValueCache, inputs: readonly RowInput[]) {
  const count = inputs.length;
  const rows = cache.arrange(inputs.map(({ owner }) => owner));
  const vector = (numberOf: (input: RowInput) => number) => {
    const data = new BigInt64Array(count);
    for (const [i, input] of inputs.entries()) data[rows[i]!] = BigInt(numberOf(input));
    return { data, shape: [count] };
  };
  const own = {
    codes: vector(({ code }) => code),
    classes: vector(({ label }) => label),
    positions: vector(({ position }) => position),
  };
  return { rows, out: await runtime.run("predict", { ...own, ...cache.inputs(count) }, cache.outputs(count)) };
}

/** The transformer's part of a step. A row is one position long, so that images of any age share the step's run. */
export class Predictor implements Stage<CausalImage> {
  readonly span = "transformerMs";

  constructor(
    private readonly runtime: Runtime,
    private readonly model: CausalArchitecture,
    private readonly cache: KeyValueCache,
  ) {}

  async run(images: readonly CausalImage[], runs: StepRuns<CausalImage>): Promise<void> {
    this.cache.keep(new Set(images.flatMap((image) => image.sequences)));
    await runs.run(images, (some) => this.#predict(some));
  }

  async #predict(images: readonly CausalImage[]): Promise<void> {
    const sequences = images.flatMap((image) => image.sequences.map((owner) => ({ owner, image })));
    const inputs = sequences.map(({ owner, image: { previousCode, step } }) => ({
      owner,
      label: owner.label,
      code: previousCode,
      position: step,
    }));
    const { rows, out } = await predict(this.runtime, this.cache, inputs);
    const logits = floats(out, "logits");
    const { codes } = this.model;
    for (const [i, { owner }] of sequences.entries())
      owner.logits = logits.subarray(rows[i]! * codes, (rows[i]! + 1) * codes);
  }
}
