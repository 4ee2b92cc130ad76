import { cp, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { importTinyModel } from "../commands/marimba.js";
import { TINY } from "../reference.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
/** Entries that need no copy. */
const LEFT_OUT = new Set([".git", "node_modules", "coverage", ".work"]);
/** A reader's own files, under the names that the documents use. */
const OWN_FILES = ["checkpoint-last.pth", "mar.safetensors", "kl16.safetensors", "config.json"];

export interface ScratchCheckout {
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * A copy of the project in which commands may write, with a reader's checkpoint. `quick/demo` is a model that generates
 * images in almost no time.
 */
export async function scratchCheckout(): Promise<ScratchCheckout> {
  const outside = await realpath(await mkdtemp(join(tmpdir(), "marimba-docs-")));
  const folder = join(outside, "marimba");
  await cp(PROJECT, folder, { recursive: true, dereference: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  await symlink(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  for (const file of OWN_FILES) await symlink(join(TINY, file), join(folder, file));
  await symlink(join(TINY, "kl16.safetensors"), join(folder, "kl16.ckpt"));
  await importTinyModel(join(folder, "quick"));
  return { folder, remove: () => rm(outside, { recursive: true }) };
}
