import type { TensorEntry } from "./checkpoint.js";
import { elementBytes, elementCount, isDtype } from "./dtype.js";
import { CheckpointError, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";
import { type HeaderTensor, parseHeader } from "./safetensors-header.js";
import type { TensorDirectory } from "./tensors.js";

/** The limit of the format's reference reader. */
const MAX_HEADER_BYTES = 100_000_000;
const PREFIX_BYTES = 8;

/**
 * The directory of a safetensors file: eight bytes of header length (little-endian), a JSON header, then the tensors
 * back to back: from the first byte to the last, without holes and without overlaps.
 */
export async function readSafetensors(file: CheckpointFile): Promise<TensorDirectory> {
  const headerBytes = await readHeaderLength(file);
  const { tensors, metadata } = parseHeader(decodeUtf8(await file.read(PREFIX_BYTES, headerBytes)));
  const dataOffset = PREFIX_BYTES + headerBytes;
  const entries = tensors.map((tensor) => checkTensor(tensor, dataOffset));
  checkTiling(entries, dataOffset, file.sizeBytes);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const stateDicts = [{ key: "", tensors: byName, isList: false }];
  return { container: "safetensors", stateDicts, keys: [...byName.keys()], metadata };
}

async function readHeaderLength(file: CheckpointFile): Promise<number> {
  const length = (await file.read(0, PREFIX_BYTES)).readBigUInt64LE(0);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new CheckpointError(`it announces a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  }
  if (PREFIX_BYTES + Number(length) > file.sizeBytes) {
    throw new CheckpointError(
      `it is cut short: its header alone should be ${length} bytes, the file holds ${file.sizeBytes}`,
    );
  }
  return Number(length);
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError("it has a damaged header: it is not UTF-8");
  }
}

function checkTensor({ name, dtype, shape, offsets }: HeaderTensor, dataOffset: number): TensorEntry {
  if (!isDtype(dtype)) throw new CheckpointError(`tensor ${quote(name)} has the unknown type ${quote(dtype)}`);
  const byteLength = elementCount(name, shape) * elementBytes(dtype);
  const [begin, end] = offsets;
  if (end - begin !== byteLength) {
    throw new CheckpointError(
      `tensor ${quote(name)} should be ${byteLength} bytes ([${shape.join(", ")}] of ${dtype}) but has offsets ${begin} to ${end}`,
    );
  }
  return { name, dtype, shape, offset: dataOffset + begin, byteLength };
}

function checkTiling(entries: readonly TensorEntry[], dataOffset: number, sizeBytes: number): void {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataOffset;
  for (const { name, offset, byteLength } of sorted) {
    if (offset < end) throw new CheckpointError(`tensor ${quote(name)} overlaps its neighbour`);
    if (offset > end) throw new CheckpointError(`it has ${offset - end} unused bytes before tensor ${quote(name)}`);
    end = offset + byteLength;
  }
  if (end > sizeBytes) {
    throw new CheckpointError(`it is cut short: its tensors end at byte ${end}, the file at ${sizeBytes}`);
  }
  if (end < sizeBytes) throw new CheckpointError(`it has ${sizeBytes - end} bytes after its last tensor`);
}
