import type { WeightIndex, WeightLocation } from "../../model/graph/weights.js";
import { MODEL_FILES, type Precision, type WeightFile } from "../../model/manifest.js";
import type { Tensors, TensorTable } from "../architecture/tensor-table.js";
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.js";
import { Quantizer } from "./quantize.js";
import { encodingOf, type WeightEncoding } from "./weight-encoding.js";

/** Float32 vectors of any instruction set are aligned by it, and so is a cache line. */
const ALIGNMENT_BYTES = 64;

/** One checkpoint, and the tensors that a model needs from it. */
export interface WeightSource {
  readonly checkpoint: Checkpoint;
  /** By the names of `table`. */
  readonly tensors: Tensors;
  readonly table: TensorTable;
  /** Prefix of its tensors' names in the graphs. */
  readonly prefix: string;
  /** Name of a copy of the whole checkpoint in the model's folder. */
  readonly copy: WeightFile;
}

interface Weight {
  readonly entry: TensorEntry;
  readonly encoding: WeightEncoding;
}

/** One tensor of weights.bin: where it comes from and where it goes. */
export interface PlannedWeight extends Weight {
  /** One for each part of the encoding. */
  readonly targets: readonly WeightLocation[];
}

/** The weights of one checkpoint, in the order of weights.bin. */
export interface ConvertedSource {
  readonly checkpoint: Checkpoint;
  readonly weights: readonly PlannedWeight[];
}

/** A checkpoint that is copied unchanged: the graphs point into the copy. */
export interface CopiedSource {
  readonly checkpoint: Checkpoint;
  readonly file: WeightFile;
  /** The tensors that the graphs use. */
  readonly entries: readonly TensorEntry[];
}

export interface WeightsPlan {
  readonly copied: readonly CopiedSource[];
  readonly converted: readonly ConvertedSource[];
  /** By the names that the graphs use. */
  readonly index: WeightIndex;
  /** The files that will hold weights, in the order in which the model's hash takes them. */
  readonly files: readonly WeightFile[];
  readonly sizeBytes: number;
}

/**
 * Decides where every weight will lie, by names, shapes, types and precision alone. In a float32 model, a .safetensors
 * file of float32 is copied as it is; everything else goes into weights.bin, one tensor after the other.
 */
export function planWeights(sources: readonly WeightSource[], precision: Precision): WeightsPlan {
  const index = new Map<string, WeightLocation>();
  const copied: CopiedSource[] = [];
  const converted: ConvertedSource[] = [];
  const layout = new Layout();
  const quantizer = new Quantizer();
  for (const source of sources) {
    const { checkpoint, tensors, copy } = source;
    const weights = [...source.table].map(([name, shape]): Weight => {
      const entry = tensors.get(name)!;
      return { entry, encoding: encodingOf(`${source.prefix}${name}`, shape, precision, quantizer, entry.dtype) };
    });
    const areThere = ({ entry, encoding }: Weight) => encoding.isCopy && canPointAt(checkpoint, entry);
    if (precision === "fp32" && weights.every(areThere)) {
      copied.push({ checkpoint, file: copy, entries: weights.map(({ entry }) => entry) });
      for (const { entry, encoding } of weights) index.set(encoding.parts[0]!.name, pointAt(entry, copy));
      continue;
    }
    const placed = weights.map((weight) => ({
      ...weight,
      targets: weight.encoding.parts.map((part) => layout.place(part)),
    }));
    for (const { encoding, targets } of placed)
      encoding.parts.forEach(({ name }, i) => void index.set(name, targets[i]!));
    converted.push({ checkpoint, weights: placed });
  }
  const files = [...copied.map(({ file }) => file), ...(converted.length > 0 ? [MODEL_FILES.weights] : [])];
  const copiedBytes = copied.reduce((sum, { checkpoint }) => sum + checkpoint.sizeBytes, 0);
  return { copied, converted, index, files, sizeBytes: copiedBytes + layout.end };
}

/** Whether a graph can use the tensor where it lies. */
function canPointAt({ container, descriptors }: Checkpoint, { dtype, offset }: TensorEntry): boolean {
  const isOneFile = container === "safetensors" && descriptors.length === 1;
  return isOneFile && dtype === "F32" && offset % Float32Array.BYTES_PER_ELEMENT === 0;
}

function pointAt({ offset, byteLength, shape }: TensorEntry, location: WeightFile): WeightLocation {
  return { location, offset, byteLength, shape, type: "float32" };
}

/** weights.bin, filled from its beginning. */
class Layout {
  end = 0;

  place({ type, shape, byteLength }: WeightEncoding["parts"][number]): WeightLocation {
    const offset = Math.ceil(this.end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    this.end = offset + byteLength;
    return { location: MODEL_FILES.weights, offset, byteLength, shape, type };
  }
}
