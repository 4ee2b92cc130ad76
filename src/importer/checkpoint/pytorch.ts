import { crc32 } from "node:zlib";
import type { TensorEntry } from "./checkpoint.js";
import { elementBytes, elementCount, MAX_TENSORS } from "./dtype.js";
import { CheckpointError, checkCrc32, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";
import { MAX_PICKLE_BYTES, unpickle } from "./pickle.js";
import { Dict, type PickleValue, TensorReference } from "./pickle-values.js";
import type { TensorDirectory } from "./tensors.js";
import { readZipDirectory, type ZipRecord } from "./zip.js";

/** Where a checkpoint keeps its weights, the best first; otherwise the top-level dict itself is the state dict. */
const STATE_DICT_KEYS = ["model_ema", "model", "state_dict"];

/**
 * The directory of a PyTorch checkpoint (a zip as torch.save writes it): `<root>/data.pkl` says which tensors there are,
 * `<root>/data/<key>` are their storages. Names lose the prefix `module.` of wrapped training.
 */
export async function readPytorch(file: CheckpointFile): Promise<TensorDirectory> {
  const records = await readZipDirectory(file);
  const root = findRoot(records);
  await checkByteOrder(file, records.get(`${root}/byteorder`));
  const pickle = records.get(`${root}/data.pkl`)!;
  if (pickle.byteLength > MAX_PICKLE_BYTES) {
    throw new CheckpointError(`it has a pickle of ${pickle.byteLength} bytes; at most ${MAX_PICKLE_BYTES} are read`);
  }
  const bytes = await file.read(pickle.offset, pickle.byteLength);
  if (pickle.crc32 !== undefined) checkCrc32("the pickle", crc32(bytes), pickle.crc32);
  const tensors = new Map<string, TensorEntry>();
  const checksums = new Map<TensorEntry, number>();
  for (const [name, tensor] of withoutPrefix(selectTensors(unpickle(bytes)))) {
    const record = records.get(`${root}/data/${tensor.storage.key}`);
    const entry = checkTensor(name, tensor, record);
    tensors.set(name, entry);
    // A checksum is of a whole storage; a view of a part has none.
    if (record?.crc32 !== undefined && record.byteLength === entry.byteLength) checksums.set(entry, record.crc32);
  }
  return { container: "pytorch", tensors, metadata: {}, checksums };
}

function findRoot(records: ReadonlyMap<string, ZipRecord>): string {
  const roots = [...records.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
  if (roots.length !== 1) {
    throw new CheckpointError(`it is a zip with ${roots.length} records data.pkl; a PyTorch checkpoint has one`);
  }
  return roots[0]!;
}

async function checkByteOrder(file: CheckpointFile, record: ZipRecord | undefined): Promise<void> {
  if (!record) return; // Written before 2.1; always little-endian in practice.
  const order = (await file.read(record.offset, Math.min(record.byteLength, 16))).toString("latin1").trim();
  if (order !== "little") {
    throw new CheckpointError(`it has byte order ${quote(order)}; only little-endian checkpoints are read`);
  }
}

/** The tensors by name of the first state dict there is. */
function selectTensors(top: PickleValue): Map<string, TensorReference> {
  if (!(top instanceof Dict)) {
    throw new CheckpointError(
      "it holds no dict: a checkpoint is a state dict, or a dict with one under model_ema or model",
    );
  }
  for (const key of STATE_DICT_KEYS) {
    const inner = top.entries.get(key);
    const tensors = inner instanceof Dict ? tensorsOf(inner) : undefined;
    if (tensors?.size) return tensors;
  }
  const tensors = tensorsOf(top);
  if (tensors.size > 0) return tensors;
  throw new CheckpointError(
    `it holds no tensors under ${STATE_DICT_KEYS.map((key) => `"${key}"`).join(", ")} nor at its top level`,
  );
}

function tensorsOf(dict: Dict): Map<string, TensorReference> {
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of dict.entries) {
    if (typeof key === "string" && value instanceof TensorReference) tensors.set(key, value);
    if (tensors.size > MAX_TENSORS) throw new CheckpointError(`it lists more than ${MAX_TENSORS} tensors`);
  }
  return tensors;
}

/** DistributedDataParallel puts `module.` before every name. */
function withoutPrefix(tensors: Map<string, TensorReference>): Map<string, TensorReference> {
  const names = [...tensors.keys()];
  if (!names.every((name) => name.startsWith("module."))) return tensors;
  return new Map(names.map((name) => [name.slice("module.".length), tensors.get(name)!]));
}

function checkTensor(name: string, tensor: TensorReference, record: ZipRecord | undefined): TensorEntry {
  const { storage, shape, offset } = tensor;
  const { dtype } = storage;
  const size = elementBytes(dtype);
  if (!record) throw new CheckpointError(`it lacks the storage ${quote(storage.key)} of tensor ${quote(name)}`);
  if (storage.elements * size !== record.byteLength) {
    throw new CheckpointError(
      `storage ${quote(storage.key)} of tensor ${quote(name)} should be ${storage.elements} elements of ${dtype} but is ${record.byteLength} bytes`,
    );
  }
  const elements = elementCount(name, shape);
  if (offset + elements > storage.elements) {
    throw new CheckpointError(
      `tensor ${quote(name)} takes elements ${offset} to ${offset + elements} of a storage of ${storage.elements}`,
    );
  }
  if (elements > 0 && !isContiguous(shape, tensor.strides)) {
    throw new CheckpointError(
      `tensor ${quote(name)} is not contiguous; save the checkpoint with .contiguous() tensors`,
    );
  }
  return { name, dtype, shape, offset: record.offset + offset * size, byteLength: elements * size };
}

/** Row-major without gaps; the stride of a side of one element does not matter. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}
