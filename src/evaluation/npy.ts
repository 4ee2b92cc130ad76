import { EvaluationError } from "./error.js";

/** An array of NumPy's `.npy` format, row-major. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float64Array | Float32Array | Uint8Array | BigInt64Array;
}

const MAGIC = Buffer.from("\x93NUMPY", "latin1");
/** NumPy pads a header so that the data begins at a multiple of this. */
const ALIGNMENT = 64;
/** A header describes one array: NumPy itself reads no more than 10,000 bytes. */
const MAX_HEADER_BYTES = 10_000;

const TYPES = {
  "<f8": { size: 8, read: (bytes: ArrayBuffer) => new Float64Array(bytes) },
  "<f4": { size: 4, read: (bytes: ArrayBuffer) => new Float32Array(bytes) },
  "|u1": { size: 1, read: (bytes: ArrayBuffer) => new Uint8Array(bytes) },
  "<i8": { size: 8, read: (bytes: ArrayBuffer) => new BigInt64Array(bytes) },
} as const;
export type NpyType = keyof typeof TYPES;

export interface NpyHeader {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Where the data begins. */
  readonly byteLength: number;
}

/** Reads the header of a `.npy` (format 1, 2 or 3) from its first bytes. Throws `EvaluationError` with a sentence's end. */
export function readNpyHeader(bytes: Buffer): NpyHeader {
  if (bytes.length < 12 || !bytes.subarray(0, 6).equals(MAGIC)) throw new EvaluationError("is not a NumPy array");
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  if (length > MAX_HEADER_BYTES || bytes.length < start + length)
    throw new EvaluationError("has a damaged NumPy header");
  const text = bytes.toString("latin1", start, start + length);
  const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (type === undefined || shape === undefined) throw new EvaluationError("has a damaged NumPy header");
  if (!Object.hasOwn(TYPES, type))
    throw new EvaluationError(`holds numbers of type ${type}; supported are ${Object.keys(TYPES).join(", ")}`);
  if (/'fortran_order':\s*True/.test(text)) throw new EvaluationError("is in Fortran order; only C order is supported");
  const sizes = shape
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new EvaluationError("has a damaged NumPy header");
  return { type: type as NpyType, shape: sizes, byteLength: start + length };
}

/** Bytes that an array's data takes. */
export function npyDataBytes({ type, shape }: Pick<NpyHeader, "type" | "shape">): number {
  return shape.reduce((product, size) => product * size, TYPES[type].size);
}

export function decodeNpy(bytes: Buffer): NpyArray {
  const header = readNpyHeader(bytes);
  const size = npyDataBytes(header);
  if (bytes.length - header.byteLength !== size)
    throw new EvaluationError(`has ${bytes.length - header.byteLength} bytes of data instead of ${size}`);
  // Copied, so that it begins where numbers of its size may.
  const data = bytes.buffer.slice(bytes.byteOffset + header.byteLength, bytes.byteOffset + bytes.length);
  return { shape: header.shape, data: TYPES[header.type].read(data as ArrayBuffer) };
}

/** A `.npy` header of format 1 as NumPy writes it; the data follows. */
export function npyHeader(type: NpyType, shape: readonly number[]): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const padded = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded);
  return Buffer.concat([MAGIC, Buffer.of(1, 0), length, Buffer.from(`${text.padEnd(padded - 1)}\n`, "latin1")]);
}

export function encodeNpy({ shape, data }: NpyArray): Buffer {
  const type = (Object.keys(TYPES) as NpyType[]).find(
    (name) => data.constructor === TYPES[name].read(EMPTY).constructor,
  )!;
  return Buffer.concat([npyHeader(type, shape), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

const EMPTY = new ArrayBuffer(0);
