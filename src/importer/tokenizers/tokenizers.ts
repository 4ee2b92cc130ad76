import type { TokenizerKind } from "../../model/tokenizer-architecture.js";
import type { Tensors } from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";
import { detok } from "./detok.js";
import { kl } from "./kl.js";
import type { LatentStatistics } from "./latent-statistics.js";
import type { ImportedTokenizer, TokenizerReading } from "./tokenizer-reading.js";
import { vq } from "./vq.js";

/** Every kind of tokenizer that can be imported. */
const KINDS: Record<TokenizerKind, ImportedTokenizer> = { kl, vq, detok };

/** Of each kind, a tensor that every checkpoint has once. */
export const TOKENIZER_MARKERS: readonly string[] = [...new Set(Object.values(KINDS).map(({ marker }) => marker))];

/** Recognises a tokenizer by its tensors. Throws `ImportError` where none of the kinds fits. `statistics`: of its latents. */
export function readTokenizer(tensors: Tensors, statistics?: LatentStatistics): TokenizerReading {
  const kind = Object.values(KINDS).find((one) => one.recognises(tensors));
  if (statistics && kind !== detok)
    throw new ImportError(
      "--latent-stats is for DeTok's tokenizer, whose latents are normalised by channel; this is another one.",
    );
  if (kind) return kind.read(tensors, statistics);
  throw new ImportError(`The tokenizer is of no known kind; those known are ${Object.keys(KINDS).join(", ")}.`);
}
