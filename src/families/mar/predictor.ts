import type { Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import { chunksBySize, groupBy, type StepRuns } from "../../engine/step-runs.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import type { MarImage } from "./image.js";
import { type PredictBatch, predict } from "./predict.js";

/** Memory that one predict run's activations may take: bounds how long a run lasts, too. */
const PREDICT_BYTES = 64 * 1024 * 1024;
/** Known tokens are padded up to a multiple of this: few shapes, and hardly any padding. */
const KNOWN_MULTIPLE = 8;
/** Targets are padded to this many, which most steps stay below, or twice as many, and so on. */
const FEWEST_TARGETS = 16;

/** Known tokens and targets that a row is padded to. They depend on the row alone. */
export interface PaddedShape {
  readonly known: number;
  readonly targets: number;
}

export function paddedShape(knownCount: number, targetCount: number, tokenCount: number): PaddedShape {
  const doublings = Math.ceil(Math.log2(Math.max(1, targetCount / FEWEST_TARGETS)));
  return {
    known: Math.min(Math.ceil(knownCount / KNOWN_MULTIPLE) * KNOWN_MULTIPLE, tokenCount),
    targets: FEWEST_TARGETS * 2 ** doublings,
  };
}

/**
 * The transformer part of a step: z at every image's targets. Rows are grouped by their padded shape, because the number
 * of keys and of queries may change the rounding of attention, and a row must not depend on its neighbours.
 */
export class Predictor implements Stage<MarImage> {
  readonly span = "transformerMs";
  readonly #rowLimit: number;
  /** 0 .. L as 64-bit integers, so that filling index tensors makes none. */
  readonly #integers: readonly bigint[];

  constructor(
    private readonly runtime: Runtime,
    private readonly model: AnyMarArchitecture,
  ) {
    const { runMemory = 1 } = runtime;
    this.#rowLimit = Math.max(1, Math.floor((runMemory * PREDICT_BYTES) / activationBytes(model)));
    this.#integers = Array.from({ length: Math.max(model.token_count, model.class_count) + 1 }, (_, i) => BigInt(i));
  }

  async run(images: readonly MarImage[], runs: StepRuns<MarImage>): Promise<void> {
    const shapeOf = (image: MarImage) => paddedShape(image.knownCount, image.targets.length, this.model.token_count);
    for (const group of groupBy(images, (image) => Object.values(shapeOf(image)).join())) {
      const shape = shapeOf(group[0]!);
      for (const chunk of chunksBySize(group, this.#rowLimit, (image) => image.rows))
        await runs.run(chunk, (some) => this.#predict(some, shape));
    }
  }

  async #predict(images: readonly MarImage[], shape: PaddedShape): Promise<void> {
    const { z } = await predict(this.runtime, this.model, this.#pack(images, shape));
    this.#unpack(images, z, shape.targets);
  }

  /** Each image's conditional row and, where it is guided, its unconditional row after it. */
  #pack(images: readonly MarImage[], { known, targets: targetCount }: PaddedShape): PredictBatch {
    const { token_count: L, token_channels: C, class_count: noClass } = this.model;
    const rows = images.reduce((sum, image) => sum + image.rows, 0);
    const batch: PredictBatch = {
      rows,
      known,
      targetCount,
      tokens: new Float32Array(rows * known * C),
      positions: new BigInt64Array(rows * known),
      knownCounts: new BigInt64Array(rows),
      classes: new BigInt64Array(rows),
      placement: new BigInt64Array(rows * L).fill(this.#integers[known]!),
      targets: new BigInt64Array(rows * targetCount),
    };
    let row = 0;
    for (const image of images)
      for (const isUnconditional of image.guided ? [false, true] : [false]) {
        const label = isUnconditional ? noClass : (image.parameters.class ?? noClass);
        batch.classes[row] = this.#integers[label]!;
        this.#packRow(batch, row++, image);
      }
    return batch;
  }

  /** The known tokens of one row, in the order of their positions, and its targets. */
  #packRow(batch: PredictBatch, row: number, image: MarImage): void {
    const { token_count: L, token_channels: C } = this.model;
    batch.knownCounts[row] = this.#integers[image.knownCount]!;
    for (let i = 0; i < image.knownCount; i++) {
      const position = image.knownPositions[i]!;
      const slot = row * batch.known + i;
      for (let c = 0; c < C; c++) batch.tokens[slot * C + c] = image.tokens[position * C + c]!;
      batch.positions[slot] = this.#integers[position]!;
      batch.placement[row * L + position] = this.#integers[i]!;
    }
    image.targets.forEach((position, i) => {
      batch.targets[row * batch.targetCount + i] = this.#integers[position]!;
    });
  }

  /** Gives each image its rows of z without their padding. */
  #unpack(images: readonly MarImage[], z: Float32Array, targetCount: number): void {
    const width = "codes" in this.model ? this.model.codes : this.model.decoder.width;
    const rowSize = targetCount * width;
    let start = 0;
    for (const image of images) {
      const size = image.targets.length * width;
      image.z = z.subarray(start, start + size);
      if (image.guided) image.zUnconditional = z.subarray(start + rowSize, start + rowSize + size);
      start += rowSize * image.rows;
    }
  }
}

/** Bytes of one row's largest activations: attention scores, and about twelve tensors as wide as the stack. */
function activationBytes(model: AnyMarArchitecture): number {
  const length = model.buffer_size + model.token_count;
  const stack = (s: AnyMarArchitecture["decoder"]) => 4 * length * (s.heads * length + 8 * s.width + s.mlp_width);
  return Math.max(stack(model.encoder), stack(model.decoder));
}
