import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRuntime } from "../../engine/runtime/onnx.js";
import type { Runtime, Tensor, Tensors } from "../../engine/runtime/runtime.js";
import type { Tensors as Entries, TensorTable } from "../../importer/architecture/tensor-table.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { writeWeightsFile } from "../../importer/model-folder.js";
import { Progress } from "../../importer/progress.js";
import { copyCheckpoints } from "../../importer/weights/copy-checkpoints.js";
import { planWeights } from "../../importer/weights/weights-plan.js";
import type { WeightIndex } from "../../model/graph/weights.js";
import { type GraphName, MODEL_FILES } from "../../model/manifest.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** Of the parity check's graphs. Recorded images are compared before they are rounded. */
const OPTIONS = { expose: true, rounding: "nearest" } as const;

/** A tokenizer's or decoder's weights without a generator, in a folder of their own. */
export class LoneNetwork {
  private constructor(
    private readonly folder: string,
    private readonly weights: WeightIndex,
    private readonly threads: number,
  ) {}

  /** Imports the tensors of `table` into `folder`, in float32. */
  static async import(
    folder: string,
    source: { readonly checkpoint: Checkpoint; readonly tensors: Entries; readonly table: TensorTable },
    threads: number,
  ): Promise<LoneNetwork> {
    const plan = planWeights([{ ...source, prefix: "tokenizer.", copy: MODEL_FILES.tokenizer }], "fp32");
    const progress = new Progress({}, plan.sizeBytes);
    await mkdir(folder);
    await copyCheckpoints(plan.copied, folder, progress, "writing");
    await writeWeightsFile(folder, plan.converted, progress, "writing");
    return new LoneNetwork(folder, plan.index, threads);
  }

  /** Runs a graph over the weights once. */
  async run(
    name: GraphName,
    build: (weights: WeightIndex, options: typeof OPTIONS) => Uint8Array,
    inputs: Tensors,
  ): Promise<Tensors> {
    await writeFile(join(this.folder, MODEL_FILES[name]), build(this.weights, OPTIONS));
    const runtime: Runtime = await openRuntime(this.folder, { threads: this.threads, graphs: [name] });
    try {
      return await runtime.run(name, inputs);
    } finally {
      await runtime.close();
    }
  }
}

/** Compares tensors with those of a recording, by their names there. */
export class Comparison {
  constructor(
    readonly recording: Recording,
    readonly report: Report,
  ) {}

  async numbers(
    actual: Numbers | undefined,
    stage: string,
    name: string,
    allowed: number = ALLOWED.network,
  ): Promise<void> {
    const expected = await this.recording.floats(name);
    this.report.numbers(this.recording.name, stage, name, allowed, actual ?? NOTHING, expected);
  }

  async integers(actual: Pick<Tensor, "shape"> & { data: ArrayLike<number | bigint> }, stage: string, name: string) {
    const { data, shape } = await this.recording.tensor(name);
    const differing = Array.from(data).filter((value, i) => value !== Number(actual.data[i])).length;
    const same = differing === 0 && `${actual.shape}` === `${shape}`;
    this.report.holds(this.recording.name, stage, name, same, `${differing} of ${data.length} differ`);
  }
}

const NOTHING: Numbers = { shape: [], data: [] };
