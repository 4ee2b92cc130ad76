import type { Mistake } from "../mistake.js";

const FLOAT32 = "importer/checkpoint/float32.ts";
const CHOICE = "importer/weights/choose-weights.ts";
const GLOBALS = "importer/checkpoint/pytorch/pickle-globals.ts";
const PYTORCH = "importer/checkpoint/pytorch/pytorch.ts";
const STRIDED = "importer/checkpoint/strided.ts";
const STATED = "families/mar/importing/stated.ts";

/** Mistakes in reading checkpoints, and in the numbers that no tensor states. */
export const CHECKPOINT_MISTAKES: readonly Mistake[] = [
  {
    name: "weights-without-ema",
    file: CHOICE,
    find: 'if (averaged.length > 0 || choice === "ema") return pick("averaged weights", averaged);',
    replace: 'if (trained.length === 0 || choice === "ema") return pick("averaged weights", averaged);',
    why: "sampling uses the averaged weights",
  },
  {
    name: "raw-for-unusable-ema",
    file: CHOICE,
    find: "if (averaged.length === 0 && unusable.length > 0) {",
    replace: 'if (averaged.length === 0 && choice === "ema") {',
    why: "averaged weights that can't be used must not be passed over in silence",
  },
  {
    name: "ema-list-by-count",
    file: CHOICE,
    find: "entries[i]!.problem === undefined && entries[i]!.shape.join() === shape.join();",
    replace: "entries[i]!.problem === undefined && shape.length > 0;",
    why: "a list is taken for the parameters only where every shape agrees",
  },
  {
    name: "online-model-as-ema",
    file: CHOICE,
    find: "return last !== undefined && !TRAINED.test(last);",
    replace: "return last !== undefined;",
    why: "ema.online_model are trained weights",
  },
  {
    name: "storage-offset-ignored",
    file: PYTORCH,
    find: "offset: record.offset + offset * size,",
    replace: "offset: record.offset,",
    why: "tensors may start inside a storage",
  },
  {
    name: "strides-ignored",
    file: PYTORCH,
    find: "if (shape[i] !== 1 && strides[i] !== expected) return false;",
    replace: "if (strides.length < shape.length) return false;",
    why: "a transposed tensor is not the tensor",
  },
  {
    name: "stride-of-another-axis",
    file: STRIDED,
    find: "from -= steps[axis]! * sides[axis]!;",
    replace: "from -= steps[axis]! * (sides[axis]! - 1);",
    why: "the next row begins at its own stride, not where the last one ended",
  },
  {
    name: "negated-view-as-it-lies",
    file: GLOBALS,
    find: 'metadata.entries.get("neg")',
    replace: 'metadata.entries.get("negative")',
    why: "the storage of a lazily negated view has the other sign",
  },
  {
    name: "noise-schedule-unchecked",
    file: "families/mar/importing.ts",
    find: "Math.abs(value - expected[t]!) < SCHEDULE_TOLERANCE",
    replace: "Math.abs(value - value) < SCHEDULE_TOLERANCE",
    why: "a model that was trained with another noise schedule makes wrong images",
  },
  {
    name: "float16-subnormals-flushed",
    file: FLOAT32,
    find: "if (mantissa === 0) return sign >>> 0;",
    replace: "if (exponent === 0) return sign >>> 0;",
    why: "small half-precision weights are not 0",
  },
  {
    name: "float16-bias",
    file: FLOAT32,
    find: "((exponent + 112) << 23)",
    replace: "((exponent + 111) << 23)",
    why: "the exponent's bias is 15 in float16 and 127 in float32",
  },
  {
    name: "bfloat16-shifted",
    file: FLOAT32,
    find: "view.getUint16(2 * i, true) << 16;",
    replace: "view.getUint16(2 * i, true) << 15;",
    why: "a bfloat16 is the upper half of a float32",
  },
  {
    name: "heads-of-mar-h",
    file: STATED,
    find: '"mar-h": { width: 1280, depth: 20, heads: 16 }',
    replace: '"mar-h": { width: 1280, depth: 20, heads: 20 }',
    why: "no tensor states the number of heads",
  },
  {
    name: "published-epsilon",
    file: STATED,
    find: "DEFAULT_NORM_EPS = 1e-6",
    replace: "DEFAULT_NORM_EPS = 1e-5",
    why: "epsilon is 1e-6, PyTorch's default 1e-5",
  },
  {
    name: "published-scale",
    file: "importer/tokenizers/kl.ts",
    find: "scale: 0.2325",
    replace: "scale: 0.18215",
    why: "MAR's tokenizer has another scale than Stable Diffusion's",
  },
];
