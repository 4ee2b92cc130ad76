import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";

const CONFIG = "config.json";

/** A directory that cannot be compared at all: one sentence for people. */
export class ParityError extends Error {
  override readonly name = "ParityError";
}

/** What a directory of recordings holds, each file recognised by its content, not by its name. */
export interface ReferenceFolder {
  readonly config: string | undefined;
  /** Checkpoint files, PyTorch's before safetensors. */
  readonly generators: readonly string[];
  readonly tokenizers: readonly string[];
  readonly stages: readonly Checkpoint[];
  readonly runs: readonly Checkpoint[];
  readonly encodes: readonly Checkpoint[];
  close(): Promise<void>;
}

/** One checkpoint of each kind, to be imported together. */
export interface ModelFiles {
  readonly generator: string;
  readonly tokenizer: string;
}

type Kind = "generator" | "tokenizer" | "stages" | "run" | "encode";

/** Opens every file of the directory. Throws for one that is neither a checkpoint nor a recording. */
export async function openReferenceFolder(folder: string): Promise<ReferenceFolder> {
  const names = (await readdir(folder)).sort();
  const opened: Checkpoint[] = [];
  const close = async () => {
    for (const file of opened) await file.close();
  };
  const found: Record<Kind, Checkpoint[]> = { generator: [], tokenizer: [], stages: [], run: [], encode: [] };
  try {
    for (const path of await checkpointFiles(folder, names)) {
      const file = await openCheckpoint(path);
      opened.push(file);
      found[kindOf(file)].push(file);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    config: names.includes(CONFIG) ? join(folder, CONFIG) : undefined,
    generators: pathsOf(found.generator),
    tokenizers: pathsOf(found.tokenizer),
    stages: found.stages,
    runs: found.run,
    encodes: found.encode,
    close,
  };
}

async function checkpointFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const paths = [];
  for (const name of names) {
    const path = join(folder, name);
    if (/\.(safetensors|pth|pt|ckpt|bin)$/i.test(name) && (await stat(path)).isFile()) paths.push(path);
  }
  return paths;
}

/** PyTorch's files before safetensors, each by name. */
function pathsOf(files: readonly Checkpoint[]): string[] {
  const pytorchFirst = (a: Checkpoint, b: Checkpoint) =>
    Number(a.container !== "pytorch") - Number(b.container !== "pytorch");
  return files.toSorted(pytorchFirst).map((file) => file.path);
}

function kindOf(file: Checkpoint): Kind {
  const has = (name: string) => file.stateDicts.some(({ tensors }) => tensors.has(name));
  if (file.metadata.num_iter !== undefined) return "run";
  if (has("predict.0.tokens")) return "stages";
  if (has("mask_token")) return "generator";
  if (has("decoder.conv_in.weight")) return "tokenizer";
  if (has("image") && has("moments")) return "encode";
  throw new ParityError(
    `${file.path} is neither a checkpoint nor a recording: it has none of the tensors that would identify it.`,
  );
}

/** Pairs that name every checkpoint file at least once, container with like container where both are there. */
export function modelPairs(folder: ReferenceFolder): ModelFiles[] {
  const { generators, tokenizers } = folder;
  const count = Math.max(generators.length, tokenizers.length);
  const nth = (files: readonly string[], i: number) => files[Math.min(i, files.length - 1)] as string;
  return Array.from({ length: count }, (_, i) => ({ generator: nth(generators, i), tokenizer: nth(tokenizers, i) }));
}
