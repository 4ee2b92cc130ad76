import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { inFile } from "../checkpoint/error.js";
import { asCheckpointError } from "../checkpoint/file.js";
import { hashFiles } from "../hash-files.js";
import type { Progress } from "./progress.js";

/** SHA-256 of the whole file as it was opened, in hexadecimal. Rejects with `CheckpointError` where it can't be read. */
export async function hashCheckpoint({ path, descriptor }: Checkpoint, progress: Progress): Promise<string> {
  const onBytes = (bytes: number) => progress.add("hashing", bytes);
  try {
    const [sha256] = await hashFiles([[{ descriptor }]], { signal: progress.signal, onBytes });
    return sha256!;
  } catch (error) {
    throw inFile(path, asCheckpointError(error)); // what `onBytes` throws has no code and passes
  }
}
