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

/** An open checkpoint of either container: a directory of tensors that are read by offset, never unpacked. */
export interface Checkpoint {
  readonly path: string;
  readonly container: "safetensors" | "pytorch";
  readonly sizeBytes: number;
  /** Tensors by name; of a training checkpoint, those of `model_ema` where there is one, else of `model`. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** safetensors `__metadata__` (values are strings); empty for PyTorch files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** A tensor's raw bytes, in bounded chunks. */
  chunks(entry: TensorEntry): AsyncIterable<Uint8Array>;
  /** A whole tensor as float32 (F64, F16 and BF16 are converted). Throws for integer types. */
  readFloat32(entry: TensorEntry): Promise<Float32Array>;
  /** A whole tensor's raw bytes. */
  readBytes(entry: TensorEntry): Promise<Uint8Array>;
  close(): Promise<void>;
}
