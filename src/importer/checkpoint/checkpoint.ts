/** Element types a checkpoint may hold, by their safetensors names. */
export type Dtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Absolute byte offset of the first element in the file. */
  readonly offset: number;
  /** Of the elements in row-major order, as `chunks` yields them. */
  readonly byteLength: number;
  /** In elements, where the elements do not lie in row-major order without gaps. */
  readonly strides?: readonly number[];
  /** Why the tensor can't be read: an error only where the tensor is needed. */
  readonly problem?: string;
}

/** Tensors that a file keeps together: all of a .safetensors file, or those of one dict or list of a PyTorch file. */
export interface StateDict {
  /** The keys that lead to it, joined by dots; empty at the top of the file. */
  readonly key: string;
  /** By name; of a list, by index. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly isList: boolean;
}

/** A stretch of a tensor. */
export interface TensorChunk {
  readonly entry: TensorEntry;
  readonly bytes: Uint8Array;
  /** Whether the tensor ends with it. */
  readonly last: boolean;
}

/** An open checkpoint of either container: a directory of tensors that are read by offset, never unpacked. */
export interface Checkpoint {
  readonly path: string;
  readonly container: "safetensors" | "pytorch";
  readonly sizeBytes: number;
  readonly stateDicts: readonly StateDict[];
  /** Tensors by name at the top of the file: all of a .safetensors file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** What the file has at its top: keys of the dict, or names of tensors. */
  readonly keys: readonly string[];
  /** safetensors `__metadata__` (values are strings); empty for PyTorch files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the open file, or of each shard in turn, for another thread of this process that reads them too. */
  readonly descriptors: readonly number[];
  /**
   * The tensors' raw bytes, one tensor after another, in bounded chunks of whole elements. The next chunk is
   * read while the consumer works on one; each is valid until two more have been requested.
   */
  chunks(entries: readonly TensorEntry[]): AsyncIterable<TensorChunk>;
  /** A whole tensor as float32 (F64, F16 and BF16 are converted). Throws for integer types. */
  readFloat32(entry: TensorEntry): Promise<Float32Array>;
  /** A whole tensor's raw bytes. */
  readBytes(entry: TensorEntry): Promise<Uint8Array>;
  /** Throws `CheckpointError` unless the path still names the file that was opened, unwritten since. */
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}
