import type { GeneratorArchitecture } from "../manifest.js";
import type { Runtime } from "../runtime/runtime.js";
import type { ImageInFlight } from "./image.js";
import { chunksBySize, type Fail, runIsolated } from "./isolation.js";

/** Memory that one predict run's activations may take: bounds how long a run lasts, too. */
const PREDICT_BYTES = 64 * 1024 * 1024;
/** Known tokens are padded up to a multiple of an eighth of all tokens: at most nine shapes in a model's life. */
const BUCKETS = 8;

/**
 * The transformer part of a step: z at every image's targets. Rows are grouped by a padded length that depends on the
 * row alone, because the length of a sequence may change the rounding of its attention, and neighbours must not.
 */
export class Predictor {
  readonly #rowLimit: number;
  readonly #bucket: number;
  /** 0 .. L as 64-bit integers, so that filling index tensors makes none. */
  readonly #integers: readonly bigint[];

  constructor(
    private readonly runtime: Runtime,
    private readonly model: GeneratorArchitecture,
  ) {
    this.#rowLimit = Math.max(1, Math.floor(PREDICT_BYTES / activationBytes(model)));
    this.#bucket = Math.ceil(model.token_count / BUCKETS);
    this.#integers = Array.from({ length: Math.max(model.token_count, model.class_count) + 1 }, (_, i) => BigInt(i));
  }

  /** Runs every image's rows; `pause` is called between runs. */
  async run(images: readonly ImageInFlight[], pause: () => Promise<void>, fail: Fail<ImageInFlight>): Promise<void> {
    for (const [padded, bucket] of this.#buckets(images))
      for (const chunk of chunksBySize(bucket, this.#rowLimit, (image) => image.rows)) {
        const live = chunk.filter((image) => !image.gone);
        if (live.length === 0) continue;
        await runIsolated(live, (group) => this.#predict(group, padded), fail);
        await pause();
      }
  }

  #buckets(images: readonly ImageInFlight[]): Map<number, ImageInFlight[]> {
    const buckets = new Map<number, ImageInFlight[]>();
    for (const image of images) {
      const upward = Math.ceil(image.knownCount / this.#bucket) * this.#bucket;
      const padded = Math.min(upward, this.model.token_count);
      const bucket = buckets.get(padded);
      if (bucket) bucket.push(image);
      else buckets.set(padded, [image]);
    }
    return buckets;
  }

  async #predict(images: readonly ImageInFlight[], padded: number): Promise<void> {
    const { token_count: L, token_channels: C, class_count: noClass } = this.model;
    const rows = images.reduce((sum, image) => sum + image.rows, 0);
    const batch = {
      rows,
      known: padded,
      tokens: new Float32Array(rows * padded * C),
      positions: new BigInt64Array(rows * padded),
      knownCounts: new BigInt64Array(rows),
      classes: new BigInt64Array(rows),
      placement: new BigInt64Array(rows * L).fill(this.#integers[padded]!),
      targets: new BigInt64Array(images.reduce((sum, image) => sum + image.rows * image.targets.length, 0)),
    };
    let row = 0;
    let target = 0;
    for (const image of images)
      for (let half = 0; half < image.rows; half++) {
        const label = half === 0 ? (image.parameters.class ?? noClass) : noClass;
        batch.classes[row] = this.#integers[label]!;
        batch.knownCounts[row] = this.#integers[image.knownCount]!;
        this.#placeKnown(image, row, padded, batch);
        for (const position of image.targets) batch.targets[target++] = BigInt(row * L + position);
        row++;
      }
    const { z } = await this.runtime.predict(batch);
    this.#handOut(images, z);
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

  #handOut(images: readonly ImageInFlight[], z: Float32Array): void {
    const D = this.model.decoder.width;
    let start = 0;
    for (const image of images) {
      const size = image.targets.length * D;
      image.z = z.subarray(start, start + size);
      if (image.guided) image.zUnconditional = z.subarray(start + size, start + 2 * size);
      start += size * image.rows;
    }
  }
}

/** Bytes of one row's largest activations: attention scores, and about twelve tensors as wide as the stack. */
function activationBytes(model: GeneratorArchitecture): number {
  const length = model.buffer_size + model.token_count;
  const stack = (s: GeneratorArchitecture["decoder"]) => 4 * length * (s.heads * length + 8 * s.width + s.mlp_width);
  return Math.max(stack(model.encoder), stack(model.decoder));
}
