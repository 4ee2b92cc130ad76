import type { Checkpoint } from "./checkpoint.js";
import { CheckpointError, inFile } from "./error.js";
import { CheckpointFile } from "./file.js";
import { readSafetensors } from "./safetensors.js";
import { OpenCheckpoint, type TensorDirectory } from "./tensors.js";

/**
 * Opens a checkpoint of either container, told apart by content. Reads the directory of tensors, never their values;
 * runs no code from the file. Throws `CheckpointError` with the file's name for anything it cannot read.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  let file: CheckpointFile | undefined;
  try {
    file = await CheckpointFile.open(path);
    return new OpenCheckpoint(file, await readDirectory(file));
  } catch (error) {
    await file?.close();
    throw inFile(path, error);
  }
}

async function readDirectory(file: CheckpointFile): Promise<TensorDirectory> {
  const start = await file.read(0, Math.min(16, file.sizeBytes));
  const text = start.toString("latin1");
  if (text.startsWith("PK")) return (await import("./pytorch.js")).readPytorch(file); // with a package to read zips
  // safetensors: eight bytes of header length, then a JSON object.
  if (text[8] === "{") return readSafetensors(file);
  if (start.byteLength === 0) throw new CheckpointError("it is empty");
  if (text[0] === "\x80") {
    throw new CheckpointError(
      "it is a bare pickle, as PyTorch wrote before 1.6; load it there and save it again with torch.save, or as .safetensors",
    );
  }
  if (text.startsWith("version https://")) {
    throw new CheckpointError("it is a Git LFS pointer, not the file itself; fetch it with git lfs pull");
  }
  throw new CheckpointError(
    "it is neither a .safetensors file nor a PyTorch checkpoint (a zip as torch.save writes since 1.6)",
  );
}
