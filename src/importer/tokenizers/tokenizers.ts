import type { TokenizerKind } from "../../model/tokenizer-architecture.js";
import type { Tensors } from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";
import { kl } from "./kl.js";
import type { ImportedTokenizer, TokenizerReading } from "./tokenizer-reading.js";
import { vq } from "./vq.js";

/** Every kind of tokenizer that can be imported. */
const KINDS: Record<TokenizerKind, ImportedTokenizer> = { kl, vq };

/** Of each kind, a tensor that every checkpoint has once. */
export const TOKENIZER_MARKERS: readonly string[] = [...new Set(Object.values(KINDS).map(({ marker }) => marker))];

/** Recognises a tokenizer by its tensors. Throws `ImportError` where none of the kinds fits. */
export function readTokenizer(tensors: Tensors): TokenizerReading {
  const kind = Object.values(KINDS).find((one) => one.recognises(tensors));
  if (kind) return kind.read(tensors);
  throw new ImportError(`The tokenizer is of no known kind; those known are ${Object.keys(KINDS).join(", ")}.`);
}
