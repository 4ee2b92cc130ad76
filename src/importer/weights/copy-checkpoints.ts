import { chmod, constants, copyFile, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashFiles, NotFiniteError, prepareToHash, type Stretches } from "../../model/files/hash-files.js";
import type { FileDigest } from "../../model/files/model-files.js";
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.js";
import type { ImportProgress, Progress } from "../progress.js";
import { type HashedWriter, writeHashedFile } from "./hashed-writer.js";
import { notFinite } from "./weights-file.js";
import type { CopiedSource } from "./weights-plan.js";

/**
 * Copies .safetensors files as they are; where the file system can, copy and original share their blocks. Meanwhile another
 * thread reads the copies, to hash them and to check the tensors that are used. Gives the SHA-256 of each when all are on
 * the disk; when it settles, nothing is under way.
 */
export async function copyCheckpoints(
  sources: readonly CopiedSource[],
  folder: string,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<FileDigest[]> {
  if (sources.length > 1) prepareToHash();
  const digests: Promise<FileDigest>[] = [];
  let written: Promise<void> = Promise.resolve();
  // A file's copy waits for the one before, not for its hash: hashing the first, which takes longest, has a core for itself.
  for (const source of sources) {
    const before = written;
    written = new Promise((resolve) => {
      const copying = before.then(() => copyCheckpoint(source, folder, progress, step, resolve));
      digests.push(copying.finally(resolve));
    });
  }
  return progress.untilOneFails(digests);
}

async function copyCheckpoint(
  { checkpoint, file, entries }: CopiedSource,
  folder: string,
  progress: Progress,
  step: ImportProgress["step"],
  onWritten: () => void,
): Promise<FileDigest> {
  progress.signal.throwIfAborted();
  const path = join(folder, file);
  const checked = [...entries].sort((a, b) => a.offset - b.offset);
  const floats = checked.map(({ offset, byteLength }) => [offset, offset + byteLength] as const);
  const count = (bytes: number) => progress.add(step, bytes);
  const write = async (output: HashedWriter) => {
    await writeWhole(checkpoint, output);
    onWritten();
  };
  try {
    const isClone = await clone(checkpoint, path);
    const sha256 = isClone
      ? await hashClone(path, floats, count, progress.signal)
      : await writeHashedFile(path, count, write, floats);
    return { file, sha256 };
  } catch (error) {
    throw error instanceof NotFiniteError ? notFinite(checked[error.stretch]!.name, checkpoint.path) : error;
  }
}

/** Header and every tensor as they lie. */
async function writeWhole(checkpoint: Checkpoint, output: HashedWriter): Promise<void> {
  const entries = [...checkpoint.tensors.values()].sort((a, b) => a.offset - b.offset);
  const headerBytes = entries[0]?.offset ?? checkpoint.sizeBytes;
  const header: TensorEntry = { name: "", dtype: "U8", shape: [headerBytes], offset: 0, byteLength: headerBytes };
  for await (const { bytes } of checkpoint.chunks([header, ...entries])) await output.put(bytes);
}

/** On Linux, clones the file that is open, even if the path now names another. False where the file system can't. */
async function clone({ descriptors: [descriptor] }: Checkpoint, path: string): Promise<boolean> {
  const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
  const isClone = await copyFile(`/proc/self/fd/${descriptor}`, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
  // The permissions of any new file, not those of the original.
  if (isClone) await chmod(path, (await stat(dirname(path))).mode & 0o666);
  return isClone;
}

async function hashClone(
  path: string,
  floats: Stretches,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const file = await open(path, "r");
  try {
    const [sha256] = await hashFiles([[{ descriptor: file.fd, floats }]], { onBytes, signal });
    await file.sync();
    return sha256!;
  } finally {
    await file.close();
  }
}
