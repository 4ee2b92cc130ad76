import { crc32 } from "node:zlib";
import type { StateDict, TensorEntry } from "../checkpoint.js";
import { elementBytes, elementCount } from "../dtype.js";
import { CheckpointError, checkCrc32, quote } from "../error.js";
import type { CheckpointFile } from "../file.js";
import { findStateDicts } from "../state-dicts.js";
import { MAX_STRIDED_BYTES, spanBytes, spanOf } from "../strided.js";
import type { TensorDirectory } from "../tensors.js";
import { MAX_PICKLE_BYTES, unpickle } from "./pickle.js";
import { type Placeholder, TensorReference } from "./pickle-values.js";
import { readZipDirectory, type ZipRecord } from "./zip.js";

/**
 * The directory of a PyTorch checkpoint (a zip as torch.save writes it): `<root>/data.pkl` says which tensors there are,
 * `<root>/data/<key>` are their storages.
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
  const checksums = new Map<TensorEntry, number>();
  const { keys, dicts } = findStateDicts(unpickle(bytes));
  const stateDicts = dicts.map(({ key, values, isList }): StateDict => {
    const tensors = new Map<string, TensorEntry>();
    for (const [name, value] of values) {
      const record = value instanceof TensorReference ? records.get(`${root}/data/${value.storage.key}`) : undefined;
      const entry = entryOf(name, value, record);
      tensors.set(name, entry);
      // A checksum covers a whole storage: a view of a part can't be checked.
      if (record?.crc32 !== undefined && spanBytes(entry) === record.byteLength) checksums.set(entry, record.crc32);
    }
    return { key, tensors, isList };
  });
  return { container: "pytorch", stateDicts, keys, metadata: {}, checksums };
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

/** A tensor that can't be read gets a problem instead of an error: the model may not need it. */
function entryOf(name: string, value: TensorReference | Placeholder, record: ZipRecord | undefined): TensorEntry {
  try {
    if (value instanceof TensorReference) return checkTensor(name, value, record);
    throw new CheckpointError(
      `tensor ${quote(name)} is built with ${quote(value.name)}, which is not known here and never called`,
    );
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { name, dtype: "U8", shape: [], offset: 0, byteLength: 0, problem: error.message };
  }
}

function checkTensor(name: string, tensor: TensorReference, record: ZipRecord | undefined): TensorEntry {
  const { storage, shape, strides, offset } = tensor;
  const { dtype } = storage;
  const size = elementBytes(dtype);
  if (!record) throw new CheckpointError(`it lacks the storage ${quote(storage.key)} of tensor ${quote(name)}`);
  if (storage.elements * size !== record.byteLength) {
    throw new CheckpointError(
      `storage ${quote(storage.key)} of tensor ${quote(name)} should be ${storage.elements} elements of ${dtype} but is ${record.byteLength} bytes`,
    );
  }
  const byteLength = elementCount(name, shape) * size;
  const isPlain = byteLength === 0 || isContiguous(shape, strides);
  const end = offset + (isPlain ? byteLength / size : spanOf({ shape, strides }));
  if (!(end <= storage.elements)) {
    throw new CheckpointError(
      `tensor ${quote(name)} takes elements ${offset} to ${end} of a storage of ${storage.elements}`,
    );
  }
  const entry = { name, dtype, shape, offset: record.offset + offset * size, byteLength };
  if (isPlain) return entry;
  const bytes = Math.max(byteLength, (end - offset) * size);
  if (bytes > MAX_STRIDED_BYTES) {
    throw new CheckpointError(
      `tensor ${quote(name)} is not contiguous and takes ${bytes} bytes; at most ${MAX_STRIDED_BYTES} are read of such a tensor: save it with .contiguous()`,
    );
  }
  return { ...entry, strides };
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
