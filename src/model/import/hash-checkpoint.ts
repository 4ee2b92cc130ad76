import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { inFile } from "../checkpoint/error.js";
import { asCheckpointError } from "../checkpoint/file.js";
import { type CheckedFile, hashFiles } from "../hash-files.js";
import type { ImportProgress, Progress } from "./progress.js";

/**
 * SHA-256 of the whole file as it was opened, in hexadecimal, by a thread of its own, which also checks `floats`. Rejects
 * with `CheckpointError` where it can't be read, and with `NotFiniteError`.
 */
export async function hashCheckpoint(
  { path, descriptor }: Checkpoint,
  progress: Progress,
  step: ImportProgress["step"],
  floats: CheckedFile["floats"] = [],
): Promise<string> {
  const job = floats.length > 0 ? { descriptor, floats } : descriptor;
  // What a listener throws is no error of the file's: it has no code.
  const onBytes = (bytes: number) => progress.add(step, bytes);
  try {
    const [sha256] = await hashFiles([[job]], { signal: progress.signal, onBytes });
    return sha256!;
  } catch (error) {
    throw inFile(path, asCheckpointError(error));
  }
}
