import { basename, join } from "node:path";
import { hashFiles } from "../model/files/hash-files.js";
import { type FileDigest, modelHash } from "../model/files/model-files.js";
import { type Architecture, graphsOf, type Manifest, MODEL_FILES } from "../model/manifest.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import { inFile } from "./checkpoint/error.js";
import { asCheckpointError } from "./checkpoint/file.js";
import type { ImportProgress, Progress } from "./progress.js";
import { copyCheckpoints } from "./weights/copy-checkpoints.js";
import { writeHashedFile, writeSmallFile } from "./weights/hashed-writer.js";
import { writeWeights } from "./weights/weights-file.js";
import type { WeightsPlan } from "./weights/weights-plan.js";

/** The part of a manifest that follows from the written files. */
export type WrittenModel = Pick<Manifest, "hash" | "source">;

/** The files that a model is made from. */
export interface Checkpoints {
  readonly generator: Checkpoint;
  readonly tokenizer: Checkpoint;
  readonly decoder?: Checkpoint;
}

/** Everything that the files of a model are made from. */
export interface FilesPlan {
  readonly architecture: Architecture;
  readonly weights: WeightsPlan;
  /** See `ImportOptions`. */
  readonly expose?: boolean | undefined;
}

/** Writes graphs and weights, while another thread hashes the checkpoints in `toHash`, which are not copied. */
export async function writeModelFolder(
  folder: string,
  { generator, tokenizer, decoder }: Checkpoints,
  toHash: readonly Checkpoint[],
  plan: FilesPlan,
  progress: Progress,
): Promise<WrittenModel> {
  const [sources, digests] = await progress.untilOneFails([
    hashSources(toHash, progress),
    writeFiles(folder, plan, progress, "writing"),
  ]);
  for (const { checkpoint, file } of plan.weights.copied)
    sources.set(checkpoint, digests.find((digest) => digest.file === file)!.sha256);
  const describe = (checkpoint: Checkpoint) => {
    const sha256 = sources.get(checkpoint);
    return { file: basename(checkpoint.path), bytes: checkpoint.sizeBytes, ...(sha256 && { sha256 }) };
  };
  const source = {
    generator: describe(generator),
    tokenizer: describe(tokenizer),
    ...(decoder && { decoder: describe(decoder) }),
  };
  return { hash: modelHash(digests), source };
}

/** One after another: together they would take the cores from the writing. */
async function hashSources(checkpoints: readonly Checkpoint[], progress: Progress): Promise<Map<Checkpoint, string>> {
  const hashes = new Map<Checkpoint, string>();
  for (const checkpoint of checkpoints) hashes.set(checkpoint, await hashCheckpoint(checkpoint, progress));
  return hashes;
}

/** SHA-256 of the whole file as it was opened, or of all shards in turn, in hexadecimal. Rejects with `CheckpointError` where it can't be read. */
async function hashCheckpoint({ path, descriptors }: Checkpoint, progress: Progress): Promise<string> {
  const onBytes = (bytes: number) => progress.add("hashing", bytes);
  try {
    const [sha256] = await hashFiles([descriptors.map((descriptor) => ({ descriptor }))], {
      signal: progress.signal,
      onBytes,
    });
    return sha256!;
  } catch (error) {
    throw inFile(path, asCheckpointError(error)); // what `onBytes` throws has no code and passes
  }
}

/** Graphs and weights. Gives the SHA-256 of each file, in the order of the model's hash. */
export async function writeFiles(
  folder: string,
  plan: FilesPlan,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<FileDigest[]> {
  const { copied, converted } = plan.weights;
  const [copies, weights, graphs] = await progress.untilOneFails([
    copyCheckpoints(copied, folder, progress, step),
    writeWeightsFile(folder, converted, progress, step),
    writeGraphs(folder, plan),
  ]);
  return [...graphs, ...copies, ...weights];
}

async function writeGraphs(
  folder: string,
  { architecture, weights, expose = false }: FilesPlan,
): Promise<FileDigest[]> {
  // Loaded and built while other threads read and write weights.
  const { buildGraphs } = await import("../families/families.js");
  const graphs = buildGraphs(architecture, weights.index, { expose });
  const digests: FileDigest[] = [];
  for (const graph of graphsOf(architecture)) {
    const file = MODEL_FILES[graph];
    digests.push({ file, sha256: await writeSmallFile(join(folder, file), graphs[graph]!) });
  }
  return digests;
}

/** Gives no digest where nothing is converted. */
export async function writeWeightsFile(
  folder: string,
  converted: WeightsPlan["converted"],
  progress: Progress,
  step: ImportProgress["step"],
): Promise<FileDigest[]> {
  if (converted.length === 0) return [];
  const file = MODEL_FILES.weights;
  const count = (bytes: number) => progress.add(step, bytes);
  const sha256 = await writeHashedFile(join(folder, file), count, (output) => writeWeights(converted, output));
  return [{ file, sha256 }];
}
