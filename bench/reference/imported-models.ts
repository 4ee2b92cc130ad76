import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/importer/import.js";
import type { Manifest } from "../../src/model/manifest.js";
import { readManifest } from "../../src/model/registry.js";
import type { ReferenceOptions } from "./options.js";

const ROOT = new URL("../../", import.meta.url);

/** The model in this precision, imported from the checkpoint unless this very code has already imported it. */
export async function importModelOf(
  precision: string,
  options: ReferenceOptions,
): Promise<{ readonly folder: string; readonly manifest: Manifest }> {
  const modelsDir = join(options.work, "models");
  const name = `${precision}-${await fingerprint(options)}`;
  const folder = join(modelsDir, name);
  const known = await readManifest(modelsDir, name).catch(() => undefined);
  if (known) return { folder, manifest: known };
  for (const other of await readdir(modelsDir).catch(() => [])) {
    if (other.startsWith(`${precision}-`)) await rm(join(modelsDir, other), { recursive: true });
  }
  process.stderr.write(`Importing in ${precision} ...\n`);
  const { generator, tokenizer, arch } = options;
  return importModel({ name, generator, tokenizer, arch, precision: precision as Manifest["precision"], modelsDir });
}

/** Of the checkpoints and of the code that imports them. */
async function fingerprint(options: ReferenceOptions): Promise<string> {
  const code = await codeHash("dist/model/", "dist/importer/", "dist/families/", "dist/tokenizers/");
  return createHash("sha256")
    .update(`${code} ${await checkpointsHash(options)}`)
    .digest("hex")
    .slice(0, 12);
}

/** Of the files that both sides are made from: their contents would take minutes. */
export async function checkpointsHash({ generator, tokenizer, arch }: ReferenceOptions): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [generator, tokenizer, ...(arch === undefined ? [] : [arch])]) {
    const { size, mtimeMs } = await stat(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 12);
}

/** Of the code in some folders and files of the repository, with all below them. */
export async function codeHash(...paths: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    const at = fileURLToPath(new URL(path, ROOT));
    const files = path.endsWith("/")
      ? (await readdir(at, { recursive: true })).sort().map((name) => join(at, name))
      : [at];
    for (const file of files) if (/\.(js|ts|py|node)$/.test(file)) hash.update(await readFile(file));
  }
  return hash.digest("hex").slice(0, 12);
}
