import type { GeneratorArchitecture } from "../model/manifest.js";
import type { ImageInFlight } from "./image-in-flight.js";
import { chunksBySize, type Fail, runIsolated } from "./isolation.js";
import type { Runtime } from "./runtime/runtime.js";

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
 * of keys and of queries may change the rounding of attention, and neighbours must not.
 */
export class Predictor {
  readonly #rowLimit: number;
  /** 0 .. L as 64-bit integers, so that filling index tensors makes none. */
  readonly #integers: readonly bigint[];

  constructor(
    private readonly runtime: Runtime,
    private readonly model: GeneratorArchitecture,
  ) {
    this.#rowLimit = Math.max(1, Math.floor(PREDICT_BYTES / activationBytes(model)));
    this.#integers = Array.from({ length: Math.max(model.token_count, model.class_count) + 1 }, (_, i) => BigInt(i));
  }

  /** Runs every image's rows; `pause` is called between runs. */
  async run(images: readonly ImageInFlight[], pause: () => Promise<void>, fail: Fail<ImageInFlight>): Promise<void> {
    for (const { shape, group } of this.#groups(images))
      for (const chunk of chunksBySize(group, this.#rowLimit, (image) => image.rows)) {
        const live = chunk.filter((image) => !image.gone);
        if (live.length === 0) continue;
        await runIsolated(live, (some) => this.#predict(some, shape), fail);
        await pause();
      }
  }

  #groups(images: readonly ImageInFlight[]) {
    const groups = new Map<string, { readonly shape: PaddedShape; readonly group: ImageInFlight[] }>();
    for (const image of images) {
      const shape = paddedShape(image.knownCount, image.targets.length, this.model.token_count);
      const key = `${shape.known} ${shape.targets}`;
      const found = groups.get(key);
      if (found) found.group.push(image);
      else groups.set(key, { shape, group: [image] });
    }
    return groups.values();
  }

  async #predict(
    images: readonly ImageInFlight[],
    { known: padded, targets: targetCount }: PaddedShape,
  ): Promise<void> {
    const { token_count: L, token_channels: C, class_count: noClass } = this.model;
    const rows = images.reduce((sum, image) => sum + image.rows, 0);
    const batch = {
      rows,
      known: padded,
      targetCount,
      tokens: new Float32Array(rows * padded * C),
      positions: new BigInt64Array(rows * padded),
      knownCounts: new BigInt64Array(rows),
      classes: new BigInt64Array(rows),
      placement: new BigInt64Array(rows * L).fill(this.#integers[padded]!),
      targets: new BigInt64Array(rows * targetCount),
    };
    let row = 0;
    for (const image of images)
      for (let half = 0; half < image.rows; half++) {
        const label = half === 0 ? (image.parameters.class ?? noClass) : noClass;
        batch.classes[row] = this.#integers[label]!;
        batch.knownCounts[row] = this.#integers[image.knownCount]!;
        this.#placeKnown(image, row, padded, batch);
        image.targets.forEach((position, i) => {
          batch.targets[row * targetCount + i] = this.#integers[position]!;
        });
        row++;
      }
    const { z } = await this.runtime.predict(batch);
    this.#handOut(images, z, targetCount);
  }

  /** The known tokens of one row, in the order of their positions. */
  #placeKnown(
    image: ImageInFlight,
    row: number,
    padded: number,
    batch: { tokens: Float32Array; positions: BigInt64Array; placement: BigInt64Array },
  ): void {
    const { token_count: L, token_channels: C } = this.model;
    for (let i = 0; i < image.knownCount; i++) {
      const position = image.knownPositions[i]!;
      const slot = row * padded + i;
      for (let c = 0; c < C; c++) batch.tokens[slot * C + c] = image.tokens[position * C + c]!;
      batch.positions[slot] = this.#integers[position]!;
      batch.placement[row * L + position] = this.#integers[i]!;
    }
  }

  #handOut(images: readonly ImageInFlight[], z: Float32Array, targetCount: number): void {
    const rowSize = targetCount * this.model.decoder.width;
    let start = 0;
    for (const image of images) {
      const size = image.targets.length * this.model.decoder.width;
      image.z = z.subarray(start, start + size);
      if (image.guided) image.zUnconditional = z.subarray(start + rowSize, start + rowSize + size);
      start += rowSize * image.rows;
    }
  }
}

/** Bytes of one row's largest activations: attention scores, and about twelve tensors as wide as the stack. */
function activationBytes(model: GeneratorArchitecture): number {
  const length = model.buffer_size + model.token_count;
  const stack = (s: GeneratorArchitecture["decoder"]) => 4 * length * (s.heads * length + 8 * s.width + s.mlp_width);
  return Math.max(stack(model.encoder), stack(model.decoder));
}
