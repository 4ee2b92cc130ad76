import type { Mistake } from "../mistake.js";

const FLOAT32 = "importer/checkpoint/float32.ts";
const PYTORCH = "importer/checkpoint/pytorch.ts";
const STATED = "importer/architecture/stated-architecture.ts";

/** What is read from checkpoints, and what no tensor says. */
export const CHECKPOINT_MISTAKES: readonly Mistake[] = [
  {
    name: "weights-without-ema",
    file: PYTORCH,
    find: '["model_ema", "model", "state_dict"]',
    replace: '["model", "model_ema", "state_dict"]',
    why: "sampling uses the averaged weights",
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
    why: "no tensor tells the number of heads",
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
    file: STATED,
    find: "scale: 0.2325",
    replace: "scale: 0.18215",
    why: "MAR's tokenizer has another scale than Stable Diffusion's",
  },
];
