import { chmod, constants, copyFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { NotFiniteError } from "../hash-files.js";
import type { FileDigest } from "../model-files.js";
import { hashCheckpoint } from "./hash-checkpoint.js";
import { notFinite } from "./not-finite.js";
import type { ImportProgress, Progress } from "./progress.js";
import { sync } from "./staging.js";
import type { CopiedSource } from "./weights-plan.js";

/**
 * Copies .safetensors files as they are, in the kernel: where the file system can, copy and original share their blocks.
 * Meanwhile another thread reads each original, to hash it and to check the tensors that are used. Gives the SHA-256 of
 * each when all are on the disk. When it settles, nothing is under way: a copy can't be stopped, and is waited for.
 */
export async function copyCheckpoints(
  sources: readonly CopiedSource[],
  folder: string,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<FileDigest[]> {
  const digests: Promise<FileDigest>[] = [];
  let copied: Promise<void> | undefined;
  for (const source of sources) {
    // The first takes longest to hash, and begins at once: beside one copy at a time it has a core for itself. Any other
    // is hashed after its copy.
    const isFirst = !copied;
    const copying = (copied ?? Promise.resolve()).then(() => copyAsNew(source, folder, progress));
    const hashing = isFirst
      ? hashAndCheck(source, progress, step)
      : copying.then(() => hashAndCheck(source, progress, step));
    const synced = copying.then(() => syncCopy(source, folder, progress));
    digests.push(progress.untilOneFails([hashing, synced]).then(([sha256]) => ({ file: source.file, sha256 })));
    copied = copying;
  }
  return progress.untilOneFails(digests);
}

async function hashAndCheck(
  { checkpoint, entries }: CopiedSource,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<string> {
  const checked = [...entries].sort((a, b) => a.offset - b.offset);
  const floats = checked.map(({ offset, byteLength }) => [offset, offset + byteLength] as const);
  try {
    return await hashCheckpoint(checkpoint, progress, step, floats);
  } catch (error) {
    throw error instanceof NotFiniteError ? notFinite(checked[error.stretch]!.name, checkpoint.path) : error;
  }
}

async function copyAsNew({ checkpoint, file }: CopiedSource, folder: string, progress: Progress): Promise<void> {
  progress.signal.throwIfAborted();
  const copy = join(folder, file);
  await copyFile(checkpoint.path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch((error) =>
    blameSource(checkpoint, error),
  );
  // The permissions of any new file, not those of the original.
  const usual = (await stat(dirname(copy))).mode & 0o666;
  if (((await stat(copy)).mode & 0o777) !== usual) await chmod(copy, usual);
}

/** What went wrong may be that the original is not there any more. */
async function blameSource(checkpoint: Checkpoint, error: unknown): Promise<never> {
  await checkpoint.checkUnchanged();
  throw error;
}

async function syncCopy({ file }: CopiedSource, folder: string, progress: Progress): Promise<void> {
  progress.signal.throwIfAborted();
  await sync(join(folder, file));
}
