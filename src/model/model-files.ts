import { join } from "node:path";
import { describeFileError } from "../file-errors.js";
import { hashFiles } from "./hash-files.js";
import { MODEL_FILES } from "./manifest.js";

/** The files that a manifest's `hash` is over, one after another. */
export const HASHED_FILES = ["predict", "denoise", "decode", "weights"] as const;

/**
 * Reads all graphs and weights once, in a thread of its own, and throws a sentence unless they have the hash that the
 * manifest states: other files would make other pictures under its name.
 */
export async function checkModelFiles(folder: string, expectedHash: string): Promise<void> {
  const paths = HASHED_FILES.map((file) => join(folder, MODEL_FILES[file]));
  const [found] = await hashFiles([paths]).catch((error: NodeJS.ErrnoException) => {
    const missing = HASHED_FILES.find((_, i) => error.code === "ENOENT" && error.path === paths[i]);
    if (missing) throw new Error(`The model folder ${folder} has no ${MODEL_FILES[missing]}. Import the model again.`);
    const sentence = describeFileError(error);
    throw sentence === undefined ? error : new Error(sentence);
  });
  if (found === expectedHash) return;
  throw new Error(
    `${HASHED_FILES.map((file) => MODEL_FILES[file]).join(", ")} are not the files that ${MODEL_FILES.manifest} was ` +
      `written for: together they have the SHA-256 ${found!.slice(0, 12)}…, not ${expectedHash.slice(0, 12)}…. ` +
      "Bring back the files, or import the model again.",
  );
}
