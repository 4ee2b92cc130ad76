import { basename, join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { hashFiles } from "../hash-files.js";
import { type Architecture, GRAPH_FILES, type Manifest, MODEL_FILES } from "../manifest.js";
import { type FileDigest, modelHash } from "../model-files.js";
import { copyCheckpoints } from "./copied.js";
import type { ImportProgress, Progress } from "./progress.js";
import { writeWeights } from "./weights-file.js";
import type { WeightsPlan } from "./weights-plan.js";
import { writeFileBehind, writeWholeFile } from "./written-behind.js";

/** What is known of a model once its files are written. */
export type WrittenModel = Pick<Manifest, "hash" | "source">;

/** Files and their SHA-256. */
type Digests = (readonly [file: string, sha256: string])[];

/** What a model's files are made of. */
export interface FilesPlan {
  readonly architecture: Architecture;
  readonly weights: WeightsPlan;
  /** Graphs that also output what lies between, for the parity check. */
  readonly expose?: boolean | undefined;
}

/** Writes graphs and weights, while another thread hashes the checkpoints in `hashed`, whole as they are. */
export async function writeModelFolder(
  folder: string,
  [generator, tokenizer]: readonly [Checkpoint, Checkpoint],
  hashed: readonly Checkpoint[],
  plan: FilesPlan,
  progress: Progress,
): Promise<WrittenModel> {
  const [sources, written] = await progress.untilOneFails([
    hashSources(hashed, progress),
    writeFiles(folder, plan, progress, "writing"),
  ]);
  for (const { checkpoint, file } of plan.weights.copied) sources.set(checkpoint, written.get(file)!);
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
  plan: FilesPlan,
  progress: Progress,
  step: ImportProgress["step"],
): Promise<Map<string, string>> {
  const { copied, converted } = plan.weights;
  const [copies, weights, graphs] = await progress.untilOneFails([
    copyCheckpoints(copied, folder, progress, step),
    writeWeightsFile(folder, converted, progress, step),
    writeGraphs(folder, plan),
  ]);
  return new Map([...graphs, ...copies, ...weights]);
}

async function writeGraphs(folder: string, { architecture, weights, expose = false }: FilesPlan): Promise<Digests> {
  // Loaded and built while other threads read and write weights.
  const { buildGraphs } = await import("../graph/index.js");
  const graphs = buildGraphs(architecture, weights.index, { expose });
  const digests: Digests = [];
  for (const graph of GRAPH_FILES) {
    const file = MODEL_FILES[graph];
    digests.push([file, await writeWholeFile(join(folder, file), graphs[graph])]);
  }
  return digests;
}

async function writeWeightsFile(
  folder: string,
  converted: WeightsPlan["converted"],
  progress: Progress,
  step: ImportProgress["step"],
): Promise<Digests> {
  if (converted.length === 0) return [];
  const file = MODEL_FILES.weights;
  const count = (bytes: number) => progress.add(step, bytes);
  return [[file, await writeFileBehind(join(folder, file), count, (output) => writeWeights(converted, output))]];
}
