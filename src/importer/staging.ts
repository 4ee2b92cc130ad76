import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, rmdir, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileErrorReason } from "../files/file-errors.js";
import { makeFolder } from "../files/make-folder.js";
import { MODEL_FILES } from "../model/manifest.js";
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
    await removeStaleImports(modelsDir);
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
    `${target} is not a model (it has no ${MODEL_FILES.manifest}), and --force replaces only models; choose another --name or move it away.`,
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

/**
 * Folders that exist only while an import runs: `.import-` holds the model being written, `.replaced-` the model it
 * replaces. Their names identify the process, so that the next import can remove what a killed import left.
 */
const PATTERN = /^\.(import|replaced)-([0-9a-f]{12})-(\d{1,10})-[0-9a-f]{12}-([a-z0-9._-]+)$/;

/** Whether a process of another machine or container runs can't be seen: its folder is stale once nothing in it changes. */
const UNTOUCHED_MS = 24 * 60 * 60 * 1000;

/** A name for a folder of this process's import of the model `name`. */
export function importFolderName(kind: "import" | "replaced", name: string): string {
  return `.${kind}-${processSpace()}-${process.pid}-${randomBytes(6).toString("hex")}-${name}`;
}

/** Removes what killed imports left, and restores a model whose replacement was killed halfway. */
export async function removeStaleImports(modelsDir: string): Promise<void> {
  for (const entry of await readdir(modelsDir)) {
    const [, kind, space, pid, name] = PATTERN.exec(entry) ?? [];
    const folder = join(modelsDir, entry);
    if (name === undefined || !(await isStale(folder, space!, Number(pid)))) continue;
    const isOnlyCopy = kind === "replaced" && !(await lstat(join(modelsDir, name)).catch(() => undefined));
    if (isOnlyCopy) await rename(folder, join(modelsDir, name));
    else await rm(folder, { recursive: true, force: true });
  }
}

async function isStale(folder: string, space: string, pid: number): Promise<boolean> {
  if (space === processSpace()) return !isRunning(pid);
  const files = await readdir(folder).catch(() => []);
  const changes = await Promise.all([folder, ...files.map((file) => join(folder, file))].map((path) => lstat(path)));
  return Date.now() - Math.max(...changes.map(({ mtimeMs }) => mtimeMs)) > UNTOUCHED_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Identifies the space in which process ids are unique: one boot of one machine, and one container on it. */
function processSpace(): string {
  const read = (what: () => string) => {
    try {
      return what();
    } catch {
      return ""; // Not on Linux.
    }
  };
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  const container = read(() => readlinkSync("/proc/self/ns/pid"));
  return createHash("sha256").update(`${boot}${container}${hostname()}`).digest("hex").slice(0, 12);
}
