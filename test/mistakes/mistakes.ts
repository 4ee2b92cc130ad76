import type { Mistake } from "./mistake.js";
import { CATEGORICAL_MISTAKES } from "./table/categorical.js";
import { CAUSAL_MISTAKES } from "./table/causal.js";
import { CHECKPOINT_MISTAKES } from "./table/checkpoint.js";
import { CONSISTENCY_MISTAKES } from "./table/consistency.js";
import { DETOK_MISTAKES } from "./table/detok.js";
import { DIT_MISTAKES } from "./table/dit.js";
import { ENGINE_MISTAKES } from "./table/engine.js";
import { HEAD_MISTAKES } from "./table/head.js";
import { SAMPLER_MISTAKES } from "./table/sampler.js";
import { SIT_MISTAKES } from "./table/sit.js";
import { TOKENIZER_MISTAKES } from "./table/tokenizer.js";
import { TRANSFORMER_MISTAKES } from "./table/transformer.js";
import { VQ_MISTAKES } from "./table/vq.js";

/** Every mistake that is known to be easy to make. One that gives the same numbers in truth does not belong here. */
export const MISTAKES: readonly Mistake[] = [
  ...TRANSFORMER_MISTAKES,
  ...HEAD_MISTAKES,
  ...TOKENIZER_MISTAKES,
  ...SAMPLER_MISTAKES,
  ...ENGINE_MISTAKES,
  ...CHECKPOINT_MISTAKES,
  ...DIT_MISTAKES,
  ...SIT_MISTAKES,
  ...VQ_MISTAKES,
  ...CONSISTENCY_MISTAKES,
  ...DETOK_MISTAKES,
  ...CAUSAL_MISTAKES,
  ...CATEGORICAL_MISTAKES,
];
