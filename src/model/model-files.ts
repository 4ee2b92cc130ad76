import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { describeFileError } from "../file-errors.js";
import { MODEL_FILES } from "./manifest.js";

/** The files that a manifest's `hash` is over, one after another. */
export const HASHED_FILES = ["predict", "denoise", "decode", "weights"] as const;

const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads all graphs and weights once (about a second a gigabyte) and throws a sentence unless they have the hash that the
 * manifest states: other files would make other pictures under its name.
 */
export async function checkModelFiles(folder: string, expectedHash: string): Promise<void> {
  const hash = createHash("sha256");
  for (const file of HASHED_FILES) await addFile(hash, folder, MODEL_FILES[file]);
  const found = hash.digest("hex");
  if (found === expectedHash) return;
  throw new Error(
    `${HASHED_FILES.map((file) => MODEL_FILES[file]).join(", ")} are not the files that ${MODEL_FILES.manifest} was ` +
      `written for: together they have the SHA-256 ${found.slice(0, 12)}…, not ${expectedHash.slice(0, 12)}…. ` +
      "Bring back the files, or import the model again.",
  );
}

async function addFile(hash: ReturnType<typeof createHash>, folder: string, file: string): Promise<void> {
  try {
    for await (const chunk of createReadStream(join(folder, file), { highWaterMark: CHUNK_BYTES })) hash.update(chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Error(`The model folder ${folder} has no ${file}. Import the model again.`);
    }
    const sentence = describeFileError(error);
    throw sentence === undefined ? error : new Error(sentence);
  }
}
