/** Element types a checkpoint may hold, by their safetensors names. */
export type Dtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Absolute byte offset in the checkpoint's file of the first element (contiguous, row-major). */
  readonly offset: number;
  readonly byteLength: number;
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
  /** Tensors by name; of a training checkpoint, those of `model_ema` where there is one, else of `model`. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** safetensors `__metadata__` (values are strings); empty for PyTorch files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the open file: for a thread of this process that reads it too. */
  readonly descriptor: number;
  /**
   * The tensors' raw bytes, one tensor after another, in bounded chunks of whole elements. The next chunk is read while one
   * is worked on; each is valid until two more have been asked for.
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
