import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/**
 * Folders that an import makes beside the models and that are gone when it ends: `.import-` is the model that is being
 * written, `.replaced-` the one that it takes the place of. Their names say whose they are, so that the next import can
 * clear away what one that was killed left.
 */
const PATTERN = /^\.(import|replaced)-([0-9a-f]{12})-(\d{1,10})-[0-9a-f]{12}-([a-z0-9._-]+)$/;

/** A process of another machine or container can't be looked for: its folder is given up when nothing in it changes. */
const UNTOUCHED_MS = 24 * 60 * 60 * 1000;

/** A name for a folder of this process's import of the model `name`. */
export function importFolderName(kind: "import" | "replaced", name: string): string {
  return `.${kind}-${processSpace()}-${process.pid}-${randomBytes(6).toString("hex")}-${name}`;
}

/** Removes what killed imports left, and puts a model back that was to be replaced when its import was killed. */
export async function clearAbandoned(modelsDir: string): Promise<void> {
  for (const entry of await readdir(modelsDir)) {
    const [, kind, space, pid, name] = PATTERN.exec(entry) ?? [];
    const folder = join(modelsDir, entry);
    if (name === undefined || !(await isAbandoned(folder, space!, Number(pid)))) continue;
    const isOnlyCopy = kind === "replaced" && !(await lstat(join(modelsDir, name)).catch(() => undefined));
    if (isOnlyCopy) await rename(folder, join(modelsDir, name));
    else await rm(folder, { recursive: true, force: true });
  }
}

async function isAbandoned(folder: string, space: string, pid: number): Promise<boolean> {
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

/** Tells where process numbers mean the same processes: one machine since its start, and one container of it. */
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
