import { chmod, constants, copyFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashFiles, NotFiniteError } from "../hash-files.js";
import type { WeightFile } from "../manifest.js";
import { notFinite } from "./finite.js";
import type { ImportProgress, Progress } from "./progress.js";
import { sync } from "./staging.js";
import type { CopiedSource } from "./weights-plan.js";

/**
 * Copies .safetensors files as they are, in the kernel: where the file system can, copy and original share their blocks.
 * Meanwhile another thread reads each original, to hash it and to check its float32 tensors. Gives the SHA-256 of each
 * when all are on the disk; when it settles, nothing is under way.
 */
export async function copyCheckpoints(
  sources: readonly CopiedSource[],
  folder: string,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<(readonly [WeightFile, string])[]> {
  const parts: Promise<readonly [WeightFile, string]>[] = [];
  let copied: Promise<unknown> = Promise.resolve();
  for (const [i, { checkpoint, file }] of sources.entries()) {
    const path = join(folder, file);
    const before = copied;
    copied = before.then(() => copyAsNew(checkpoint.path, path, progress));
    // The first takes longest to hash: it has a core for itself, beside one copy at a time.
    const hashed = (i === 0 ? before : copied).then(() => hashAndCheck(checkpoint, progress, step));
    const synced = copied.then(() => sync(path));
    parts.push(progress.untilOneFails([hashed, synced]).then(([sha256]) => [file, sha256]));
  }
  return progress.untilOneFails(parts);
}

async function hashAndCheck(
  { path, descriptor, tensors }: CopiedSource["checkpoint"],
  progress: Progress,
  step: ImportProgress["step"],
): Promise<string> {
  const checked = [...tensors.values()].filter(({ dtype }) => dtype === "F32").sort((a, b) => a.offset - b.offset);
  const floats = checked.map(({ offset, byteLength }) => [offset, offset + byteLength] as const);
  const onBytes = (bytes: number) => progress.add(step, bytes);
  try {
    const [sha256] = await hashFiles([[{ descriptor, floats }]], { onBytes, signal: progress.signal });
    return sha256!;
  } catch (error) {
    throw error instanceof NotFiniteError ? notFinite(checked[error.stretch]!.name, path) : error;
  }
}

async function copyAsNew(from: string, to: string, progress: Progress): Promise<void> {
  progress.signal.throwIfAborted();
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  // The permissions of a new file beside it, not those of the original.
  const { mode } = await stat(dirname(to));
  await chmod(to, mode & 0o666);
}
