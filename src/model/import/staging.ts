import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, rename, rm, rmdir, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ImportError } from "./error.js";

/** Room for a file system's own bookkeeping. */
const SPARE_BYTES = 1024 * 1024;

/**
 * Runs `fill` on a new folder inside `modelsDir`, then renames that to `modelsDir/name` in one step. Whatever fails, the
 * folder is gone and an existing model is as it was. Returns the model's folder.
 */
export async function stageModel(
  options: { readonly modelsDir: string; readonly name: string; readonly sizeBytes: number; readonly replace: boolean },
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const { modelsDir, name, replace } = options;
  const madeDir = await mkdir(modelsDir, { recursive: true });
  const staging = join(modelsDir, `.import-${randomBytes(6).toString("hex")}`);
  try {
    await checkFreeSpace(modelsDir, options.sizeBytes);
    await mkdir(staging);
    await fill(staging);
    await sync(staging);
    await publish(staging, modelsDir, name, replace);
    await sync(modelsDir);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (madeDir !== undefined) await removeEmpty(modelsDir, madeDir);
    throw error;
  }
  return join(modelsDir, name);
}

/** Removes the folders that were made for this model alone, from the innermost out; one with other things in it stays. */
async function removeEmpty(innermost: string, outermost: string): Promise<void> {
  for (let folder = resolve(innermost); folder.startsWith(resolve(outermost)); folder = dirname(folder)) {
    await rmdir(folder).catch(() => {});
  }
}

/** Throws when `modelsDir` has something of that name and it may not be replaced. */
export async function checkNameIsFree(modelsDir: string, name: string, replace: boolean): Promise<void> {
  if (!replace && (await exists(join(modelsDir, name)))) {
    throw new ImportError(`${join(modelsDir, name)} exists already; choose another --name or replace it with --force.`);
  }
}

async function publish(staging: string, modelsDir: string, name: string, replace: boolean): Promise<void> {
  const target = join(modelsDir, name);
  await checkNameIsFree(modelsDir, name, replace);
  if (!(await exists(target))) return rename(staging, target);
  const previous = join(modelsDir, `.replaced-${randomBytes(6).toString("hex")}`);
  await rename(target, previous);
  try {
    await rename(staging, target);
  } catch (error) {
    await rename(previous, target);
    throw error;
  }
  await rm(previous, { recursive: true, force: true });
}

async function checkFreeSpace(folder: string, sizeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < sizeBytes + SPARE_BYTES) {
    throw new ImportError(`${folder} has ${megabytes(free)} MB free; the model needs ${megabytes(sizeBytes)} MB.`);
  }
}

/** Makes a folder's names durable. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
