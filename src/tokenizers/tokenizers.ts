import type { TokenizerArchitecture, TokenizerKind } from "../model/tokenizer-architecture.js";
import { detok } from "./detok/detok.js";
import { kl } from "./kl/kl.js";
import type { Tokenizer } from "./tokenizer.js";
import { vq } from "./vq/vq.js";

/** Every kind of tokenizer that is served. */
export const TOKENIZERS: Record<TokenizerKind, Tokenizer> = { kl, vq, detok };

/** The kind that a model's manifest describes. */
export function tokenizerOf(model: TokenizerArchitecture): Tokenizer {
  return TOKENIZERS[model.kind];
}
