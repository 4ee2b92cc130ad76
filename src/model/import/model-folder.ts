import { basename, join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { Graphs } from "../graph/index.js";
import { hashFiles } from "../hash-files.js";
import { GRAPH_FILES, type Manifest, MODEL_FILES } from "../manifest.js";
import { type FileDigest, modelHash } from "../model-files.js";
import type { ImportProgress, Progress } from "./progress.js";
import { copyCheckpoint, writeWeights } from "./weights-file.js";
import type { WeightsPlan } from "./weights-plan.js";
import { writeFileBehind, writeWholeFile } from "./written-behind.js";

/** What is known of a model once its files are written. */
export type WrittenModel = Pick<Manifest, "hash" | "source">;

/** Writes graphs and weights, while another thread hashes the checkpoints in `hashed`, whole as they are. */
export async function writeModelFolder(
  folder: string,
  [generator, tokenizer]: readonly [Checkpoint, Checkpoint],
  hashed: readonly Checkpoint[],
  graphs: Graphs,
  plan: WeightsPlan,
  progress: Progress,
): Promise<WrittenModel> {
  const [sources, written] = await progress.untilOneFails([
    hashSources(hashed, progress),
    writeFiles(folder, graphs, plan, progress, "writing"),
  ]);
  for (const { checkpoint, file } of plan.copied) sources.set(checkpoint, written.get(file)!);
  const describe = (checkpoint: Checkpoint) => {
    const sha256 = sources.get(checkpoint);
    return { file: basename(checkpoint.path), bytes: checkpoint.sizeBytes, ...(sha256 && { sha256 }) };
  };
  const digests: FileDigest[] = [...written].map(([file, sha256]) => ({ file, sha256 }));
  return { hash: modelHash(digests), source: { generator: describe(generator), tokenizer: describe(tokenizer) } };
}

async function hashSources(checkpoints: readonly Checkpoint[], progress: Progress): Promise<Map<Checkpoint, string>> {
  const hashes = await hashFiles(
    checkpoints.map(({ descriptor }) => [descriptor]),
    { signal: progress.signal, onBytes: (bytes) => progress.add("hashing", bytes) },
  );
  return new Map(checkpoints.map((checkpoint, i) => [checkpoint, hashes[i]!]));
}

/** Graphs and weights. Gives the SHA-256 of each file, in the order of the model's hash. */
export async function writeFiles(
  folder: string,
  graphs: Graphs,
  { copied, converted }: WeightsPlan,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<Map<string, string>> {
  const written = new Map<string, string>();
  const count = (bytes: number) => progress.add(step, bytes);
  for (const graph of GRAPH_FILES) {
    const file = MODEL_FILES[graph];
    written.set(file, await writeWholeFile(join(folder, file), graphs[graph]));
  }
  // Each has a thread that hashes it: two copies at once keep more than one core busy.
  const copies = copied.map((source) =>
    writeFileBehind(join(folder, source.file), count, (output) => copyCheckpoint(source, output)),
  );
  const copyHashes = await progress.untilOneFails(copies);
  for (const [i, { file }] of copied.entries()) written.set(file, copyHashes[i]!);
  if (converted.length > 0) {
    const file = MODEL_FILES.weights;
    written.set(file, await writeFileBehind(join(folder, file), count, (output) => writeWeights(converted, output)));
  }
  return written;
}
