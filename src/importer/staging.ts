import { lstat, mkdir, open, rename, rm, rmdir, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileErrorReason } from "../files/file-errors.js";
import { makeFolder } from "../files/make-folder.js";
import { MODEL_FILES } from "../model/manifest.js";
import { clearAbandoned, importFolderName } from "./abandoned.js";
import { ImportError } from "./error.js";

/** Room for the graphs, of which the largest models' take half a megabyte, and a file system's own bookkeeping. */
const SPARE_BYTES = 2 * 1024 * 1024;

/**
 * Runs `fill` on a new folder inside `modelsDir`, then renames that to `modelsDir/name` in one step. Whatever fails, the
 * folder is gone and an existing model is as it was. Returns the model's folder.
 */
export async function stageModel(
  options: { readonly modelsDir: string; readonly name: string; readonly sizeBytes: number; readonly replace: boolean },
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const { modelsDir, name, replace } = options;
  const madeDir = await makeModelsDir(modelsDir);
  const staging = join(modelsDir, importFolderName("import", name));
  try {
    await clearAbandoned(modelsDir);
    await checkFreeSpace(modelsDir, options.sizeBytes);
    await mkdir(staging);
    await fill(staging);
    await sync(staging);
    await publish(staging, modelsDir, name, replace);
    await sync(modelsDir);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (madeDir !== undefined) await removeEmpty(modelsDir, madeDir);
    const reason = fileErrorReason(error);
    throw reason === undefined ? error : new ImportError(`The model can't be written into ${modelsDir}: ${reason}.`);
  }
  return join(modelsDir, name);
}

/** Returns the outermost folder that was made, if any. */
function makeModelsDir(modelsDir: string): Promise<string | undefined> {
  return makeFolder(modelsDir).catch((error: NodeJS.ErrnoException) => {
    const file = error.path === modelsDir ? "it" : "a part of the path";
    const reason = error.code === "EEXIST" ? `${file} is a file, not a folder` : fileErrorReason(error);
    throw new ImportError(`The models folder ${modelsDir} can't be made: ${reason ?? error.message}.`);
  });
}

/** Removes the folders that were made for this model alone, from the innermost out; one with other things in it stays. */
async function removeEmpty(innermost: string, outermost: string): Promise<void> {
  for (let folder = resolve(innermost); folder.startsWith(resolve(outermost)); folder = dirname(folder)) {
    await rmdir(folder).catch(() => {});
  }
}

/** Throws when `modelsDir` has something of that name and it may not be replaced: only a model ever may. */
export async function checkNameIsFree(modelsDir: string, name: string, replace: boolean): Promise<void> {
  const target = join(modelsDir, name);
  if (!(await exists(target))) return;
  if (!replace) throw new ImportError(`${target} exists already; choose another --name or replace it with --force.`);
  if (await exists(join(target, MODEL_FILES.manifest))) return;
  throw new ImportError(
    `${target} is no model (it has no ${MODEL_FILES.manifest}), and --force replaces only models; choose another --name or move it away.`,
  );
}

async function publish(staging: string, modelsDir: string, name: string, replace: boolean): Promise<void> {
  const target = join(modelsDir, name);
  await checkNameIsFree(modelsDir, name, replace);
  if (!(await exists(target))) return rename(staging, target);
  const previous = join(modelsDir, importFolderName("replaced", name));
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
