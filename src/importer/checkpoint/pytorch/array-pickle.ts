import type { Dtype } from "../checkpoint.js";
import { elementBytes } from "../dtype.js";
import { CheckpointError } from "../error.js";
import { isFloat, toFloat32 } from "../float32.js";
import { unpickle, unpickleFirst } from "./pickle.js";
import { isSize, orderedDict, type PickleTable, TENSORS, wrongArguments } from "./pickle-globals.js";
import { Bytes, List, type PickleValue, Stateful, StorageReference, Tuple } from "./pickle-values.js";

/** The first pickles of a file that torch.save wrote before PyTorch 1.6: a magic number, a version, the system. */
const LEGACY_HEADER = [0x1950a86a20f9469cfc6cn, 1001];
/** NumPy's names of floating-point types. */
const NUMPY_TYPES: ReadonlyMap<string, Dtype> = new Map([
  ["f2", "F16"],
  ["f4", "F32"],
  ["f8", "F64"],
]);

/** Numbers of a small array or tensor of at most one dimension, as float32. */
export class NumberArray extends Stateful {
  constructor(public values: Float32Array = new Float32Array()) {
    super();
  }

  /** version, shape, dtype, whether Fortran's order, bytes */
  setState(state: PickleValue): void {
    if (!(state instanceof Tuple)) wrongArguments("numpy.ndarray");
    const [, shape, dtype, , content] = state.items;
    this.values = numpyValues(dtype, shape, content);
  }
}

class NumpyType extends Stateful {
  constructor(readonly dtype: Dtype) {
    super();
  }

  /** version, byte order, and what only structured types have */
  setState(state: PickleValue): void {
    if (!(state instanceof Tuple) || state.items[1] !== "<")
      throw new CheckpointError("it has an array whose bytes are not little-endian");
  }
}

/** The closed table of a plain pickle with small arrays: NumPy's, and tensors as they are pickled outside of torch.save. */
const ARRAYS: PickleTable = {
  keepsBytes: true,
  callables: new Map([
    ["collections.OrderedDict", orderedDict],
    ["torch.storage._load_from_bytes", ([content]) => loadStorage(content)],
    ["torch._utils._rebuild_tensor_v2", rebuildTensor],
    ["numpy.dtype", ([name]) => numpyType(name)],
    // NumPy 2 calls its core _core.
    ...["numpy.core", "numpy._core"].flatMap(
      (core) =>
        [
          [`${core}.multiarray._reconstruct`, () => new NumberArray()],
          [`${core}.multiarray.scalar`, ([dtype, bytes]) => new NumberArray(numpyValues(dtype, new Tuple([]), bytes))],
          [`${core}.numeric._frombuffer`, ([bytes, dtype, shape]) => new NumberArray(numpyValues(dtype, shape, bytes))],
        ] satisfies [string, (args: readonly PickleValue[]) => PickleValue][],
    ),
  ] as [string, (args: readonly PickleValue[]) => PickleValue][]),
};

/** A plain pickle of dicts, tuples, numbers, strings and small arrays (`NumberArray`). Throws `CheckpointError`; runs no code. */
export function unpickleArrays(bytes: Uint8Array): PickleValue {
  return unpickle(bytes, ARRAYS);
}

function numpyType(name: PickleValue | undefined): NumpyType {
  const dtype = typeof name === "string" ? NUMPY_TYPES.get(name) : undefined;
  if (!dtype) throw new CheckpointError("it has an array of a type other than f2, f4 and f8");
  return new NumpyType(dtype);
}

function numpyValues(
  type: PickleValue | undefined,
  shape: PickleValue | undefined,
  content: PickleValue | undefined,
): Float32Array {
  if (!(type instanceof NumpyType) || !(content instanceof Bytes)) return wrongArguments("a NumPy array");
  const count = elementsOf(shape);
  if (content.content.byteLength !== count * elementBytes(type.dtype))
    throw new CheckpointError("it has an array whose bytes are not those of its shape");
  return floatsOf(type.dtype, content.content);
}

/** The elements of a shape of at most one dimension. */
function elementsOf(shape: PickleValue | undefined): number {
  const sides = shape instanceof Tuple ? shape.items : [];
  const [count = 1] = sides;
  if (!(shape instanceof Tuple) || sides.length > 1 || !isSize(count))
    throw new CheckpointError("it has an array that is neither a number nor a list of numbers");
  return count;
}

/**
 * A storage as torch.save wrote it before PyTorch 1.6, which is how tensors are pickled: header, the storage's reference, the list of
 * keys, then the number of elements and their bytes. These pickles are read by the checkpoints' table, so nothing nests.
 */
function loadStorage(content: PickleValue | undefined): NumberArray {
  if (!(content instanceof Bytes)) return wrongArguments("torch.storage._load_from_bytes");
  let rest = content.content;
  const next = () => {
    const { value, length } = unpickleFirst(rest, TENSORS);
    rest = rest.subarray(length);
    return value;
  };
  const header = [next(), next()];
  next(); // what the system's numbers were
  const [storage, keys] = [next(), next()];
  const isKnown = header.every((value, i) => value === LEGACY_HEADER[i]);
  if (!isKnown || !(storage instanceof StorageReference) || !(keys instanceof List) || keys.items[0] !== storage.key)
    throw new CheckpointError("it has a tensor that is not stored as torch.save stored storages before PyTorch 1.6");
  const { dtype, elements } = storage;
  if (!isFloat(dtype)) throw new CheckpointError(`it has a tensor of ${dtype}, not of floating-point numbers`);
  const counted = rest.byteLength >= 8 && new DataView(rest.buffer, rest.byteOffset).getBigUint64(0, true);
  if (counted !== BigInt(elements) || rest.byteLength - 8 !== elements * elementBytes(dtype))
    throw new CheckpointError("it has a tensor whose bytes are not those of its storage");
  return new NumberArray(floatsOf(dtype, rest.subarray(8)));
}

/** storage, offset, size, stride */
function rebuildTensor([storage, offset, size, stride]: readonly PickleValue[]): NumberArray {
  const count = elementsOf(size);
  const [step = 1] = stride instanceof Tuple ? stride.items : [];
  if (!(storage instanceof NumberArray) || !isSize(offset) || !isSize(step))
    return wrongArguments("torch._utils._rebuild_tensor_v2");
  if (offset + (count - 1) * step >= storage.values.length)
    throw new CheckpointError("it has a tensor that is larger than its storage");
  return new NumberArray(Float32Array.from({ length: count }, (_, i) => storage.values[offset + i * step]!));
}

function floatsOf(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.byteLength / elementBytes(dtype));
  toFloat32(dtype, bytes, values);
  return values;
}
