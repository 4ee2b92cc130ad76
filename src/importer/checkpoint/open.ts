import type { Checkpoint } from "./checkpoint.js";
import { CheckpointError, inFile } from "./error.js";
import { CheckpointFile } from "./file.js";
import { readSafetensors } from "./safetensors.js";
import { readShardIndex, ShardedCheckpoint, type WeightMap } from "./sharded.js";
import { OpenCheckpoint, type TensorDirectory } from "./tensors.js";

/**
 * Opens a checkpoint of either container, or the index of a sharded one; the content decides. Reads the directory of
 * tensors, never their values; runs no code from the file. Throws `CheckpointError` with the file's path for anything it
 * cannot read.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const opened = await openFile(path);
  return opened instanceof Map ? ShardedCheckpoint.open(path, opened, openShard) : opened;
}

async function openShard(path: string): Promise<Checkpoint> {
  const opened = await openFile(path);
  if (!(opened instanceof Map)) return opened;
  throw inFile(path, new CheckpointError("it is an index itself, where a shard is expected"));
}

async function openFile(path: string): Promise<Checkpoint | WeightMap> {
  let file: CheckpointFile | undefined;
  try {
    file = await CheckpointFile.open(path);
    const start = (await file.read(0, Math.min(16, file.sizeBytes))).toString("latin1");
    if (!start.startsWith("{") || start[8] === "{") return new OpenCheckpoint(file, await readDirectory(file, start));
    const index = await readShardIndex(file);
    await file.close();
    return index;
  } catch (error) {
    await file?.close();
    throw inFile(path, error);
  }
}

async function readDirectory(file: CheckpointFile, start: string): Promise<TensorDirectory> {
  if (start.startsWith("PK")) return (await import("./pytorch/pytorch.js")).readPytorch(file); // with a package to read zips
  // safetensors: eight bytes of header length, then a JSON object.
  if (start[8] === "{") return readSafetensors(file);
  if (start === "") throw new CheckpointError("it is empty");
  if (start[0] === "\x80") {
    throw new CheckpointError(
      "it is a bare pickle, as PyTorch wrote before 1.6; load it with PyTorch and save it again with torch.save, or as .safetensors",
    );
  }
  if (start.startsWith("version https://")) {
    throw new CheckpointError("it is a Git LFS pointer, not the file itself; fetch it with git lfs pull");
  }
  throw new CheckpointError(
    "it is neither a .safetensors file, nor the index of several, nor a PyTorch checkpoint (a zip as torch.save writes since 1.6)",
  );
}
