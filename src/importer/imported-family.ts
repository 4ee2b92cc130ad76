import type { Architecture, GeneratorArchitecture, Manifest } from "../model/manifest.js";
import type { Tensors, TensorTable } from "./architecture/tensor-table.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import type { Progress } from "./progress.js";
import type { TokenizerReading } from "./tokenizers/tokenizer-reading.js";

/**
 * How the importer recognises the generators of one family, reads them, and checks the models that it makes of them;
 * `src/importer/families.ts` lists the families.
 */
export interface ImportedFamily<Model extends GeneratorArchitecture = GeneratorArchitecture> {
  /** Tensors of which every such checkpoint has one, once: what stands before it in a name was added by wrappers. */
  readonly markers: readonly string[];
  /** The published sizes, as `--arch` names them. */
  readonly sizes: readonly string[];
  /** Whether `--arch` or the tensors say that the generator is this family's, although an earlier family of the list has its marker. */
  recognises?(tensors: Tensors, arch: string | undefined): Promise<boolean>;
  /** Throws `ImportError` where sizes can't be read. The tensors are checked against the reading's table afterwards. */
  read(tensors: Tensors): GeneratorReading;
  /** Whether a tensor beside those of the table is no weight, but something that the sampler computes itself. */
  isUnused?(name: string): boolean;
  /** Throws `ImportError` where unused tensors hold other numbers than the sampler computes. */
  checkUnused?(checkpoint: Checkpoint, tensors: Tensors): Promise<void>;
  /** What a model has without settings of its own. */
  settings(architecture: Architecture<Model>): PublishedSettings;
  /** The weights of the large products, which int8 stores. */
  readonly quantized: readonly RegExp[];
  /** Weights that fp16 leaves in float32; absent: none. */
  readonly neverHalved?: RegExp;
  /**
   * Runs a model. Where there is `float32`, a folder with the same model in float32, its outputs are compared with that one's, on the same
   * inputs. Throws `ImportError` where they are not finite numbers. The code behind it is loaded when it is called: it brings ONNX Runtime.
   */
  verify(model: WrittenFolder<Model>, float32: string | undefined, progress: Progress): Promise<Deviation[]>;
}

export type PublishedSettings = Pick<Manifest, "defaults" | "presets">;

/** A model that was just imported. */
export interface WrittenFolder<Model extends GeneratorArchitecture = GeneratorArchitecture> {
  readonly folder: string;
  readonly manifest: Manifest & { readonly architecture: Architecture<Model> };
}

/** Root mean square of the difference from float32 on the same inputs, relative to the root mean square of float32. */
export interface Deviation {
  /** What the model makes: `z`, `pixels` ... */
  readonly of: string;
  readonly relativeRms: number;
}

/** What a family's importer finds in a generator's tensors. */
export interface GeneratorReading {
  /** Every tensor that a generator of these sizes has. */
  readonly table: TensorTable;
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
