import { createHash } from "node:crypto";
import { join } from "node:path";
import { describeFileError } from "../../files/file-errors.js";
import { graphsOf, type Manifest, MODEL_FILES } from "../manifest.js";
import { hashFiles } from "./hash-files.js";

export interface FileDigest {
  readonly file: string;
  readonly sha256: string;
}

/** The part of a manifest that describes the files beside it. */
export type ManifestFiles = Pick<Manifest, "architecture" | "hash" | "weight_files">;

/** The files that a manifest's `hash` covers, in order. */
export function hashedFiles({ architecture, weight_files }: ManifestFiles): string[] {
  return [...graphsOf(architecture).map((graph) => MODEL_FILES[graph]), ...weight_files];
}

/**
 * A model's hash: the SHA-256 of what `sha256sum` prints for its files, so that each can be checked by itself and large
 * ones are hashed once.
 */
export function modelHash(digests: readonly FileDigest[]): string {
  const hash = createHash("sha256");
  for (const { file, sha256 } of digests) hash.update(`${sha256}  ${file}\n`);
  return hash.digest("hex");
}

/**
 * Reads all graphs and weights once, in a thread of its own, and throws a sentence unless they have the hash that the
 * manifest states: other files would make other images under its name.
 */
export async function checkModelFiles(folder: string, model: ManifestFiles): Promise<void> {
  const files = hashedFiles(model);
  const paths = files.map((file) => join(folder, file));
  const hashes = await hashFiles(paths.map((path) => [path])).catch((error: NodeJS.ErrnoException) => {
    const missing = files.find((_, i) => error.code === "ENOENT" && error.path === paths[i]);
    if (missing) throw new Error(`The model folder ${folder} has no ${missing}. Import the model again.`);
    const sentence = describeFileError(error);
    throw sentence === undefined ? error : new Error(sentence);
  });
  const found = modelHash(files.map((file, i) => ({ file, sha256: hashes[i]! })));
  if (found === model.hash) return;
  throw new Error(
    `${files.join(", ")} are not the files that ${MODEL_FILES.manifest} was written for: together they have the hash ` +
      `${found.slice(0, 12)}…, not ${model.hash.slice(0, 12)}…. Bring back the files, or import the model again.`,
  );
}
