import type { TokenizerArchitecture } from "../../model/tokenizer-architecture.js";
import type { Tensors, TensorTable } from "../architecture/tensor-table.js";
import type { LatentStatistics } from "./latent-statistics.js";

/** How the importer recognises one kind of tokenizer, and reads it. */
export interface ImportedTokenizer {
  /** A tensor that every such checkpoint has once: what stands before it in a name was added by wrappers. */
  readonly marker: string;
  /** Whether the tensors, by the names of the reference, are those of such a tokenizer. */
  recognises(tensors: Tensors): boolean;
  /** Throws `ImportError` where sizes can't be read. The tensors are checked against the reading's table afterwards. */
  read(tensors: Tensors, statistics?: LatentStatistics): TokenizerReading;
}

/** What a tokenizer's tensors say. */
export interface TokenizerReading {
  readonly latentChannels: number;
  /** Pixels along the side of one latent pixel. */
  readonly stride: number;
  /** Every tensor that is used. */
  readonly table: TensorTable;
  /** Whether a tensor beside them is known to have no part in decoding and encoding; others are reported. */
  isUnused?(name: string): boolean;
  /** For a model that can't use the encoder. */
  withoutEncoder(): TokenizerReading;
  /**
   * `latentSide`: of the generator's latents, in latent pixels. Throws `ImportError` where a number is missing that neither
   * a tensor nor `--arch` states.
   */
  architecture(latentSide: number, stated: StatedTokenizer): TokenizerArchitecture;
}

/** What `--arch config.json` states of a tokenizer. */
export interface StatedTokenizer {
  /** image = decode(latent / scale). */
  readonly scale?: number | undefined;
  readonly detok?: { readonly encoder_num_heads?: number; readonly decoder_num_heads?: number } | undefined;
}
