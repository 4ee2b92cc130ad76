import type { Architecture } from "../../model/manifest.js";
import type { TokenizerReading } from "../tokenizers/tokenizer-reading.js";
import type { TensorTable } from "./tensor-table.js";

/** What a family's importer finds in a generator's tensors. */
export interface GeneratorReading {
  /** Every tensor that a generator of these sizes has. */
  readonly table: TensorTable;
  /** Whether a tensor beside them is no weight, but something that the sampler computes itself. */
  isUnused(name: string): boolean;
  /** The whole architecture, with what no tensor states from `--arch` or the published sizes. Throws `ImportError`. */
  complete(tokenizer: TokenizerReading, arch: string | undefined): Promise<CompleteArchitecture>;
}

export interface CompleteArchitecture {
  readonly architecture: Architecture;
  /** The published model that has these sizes. */
  readonly publishedSize: string | undefined;
  /** What the reader of the import should know. */
  readonly warnings?: readonly string[];
}
