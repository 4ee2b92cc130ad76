import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import Type from "typebox";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";
import { GENERATOR_MARKERS } from "../../importer/families.js";
import { readJsonFile } from "../../importer/json-file.js";
import { DECODER_MARKER } from "../../importer/tokenizers/consistency.js";
import { TOKENIZER_MARKERS } from "../../importer/tokenizers/tokenizers.js";
import { FAMILY_PARITY } from "./families.js";

const CONFIG = "config.json";
const LATENT_STATISTICS = "stats.pkl";

/** A directory that cannot be compared at all: one sentence for people. */
export class ParityError extends Error {
  override readonly name = "ParityError";
}

/** What a directory of recordings holds, each file recognised by its content, not by its name. */
export interface ReferenceFolder {
  readonly config: string | undefined;
  readonly latentStatistics: string | undefined;
  /** Checkpoint files, PyTorch's before safetensors. */
  readonly generators: readonly string[];
  readonly tokenizers: readonly string[];
  /** Consistency decoders. */
  readonly decoders: readonly string[];
  readonly stages: readonly Checkpoint[];
  readonly runs: readonly Checkpoint[];
  readonly encodes: readonly Checkpoint[];
  /** Of a tokenizer by itself. */
  readonly firstStages: readonly Checkpoint[];
  close(): Promise<void>;
}

/** One checkpoint of each kind, to be imported together. */
export interface ModelFiles {
  readonly generator: string;
  readonly tokenizer: string;
}

type Kind = "generator" | "tokenizer" | "decoder" | "stages" | "run" | "encode" | "firstStage";

/** `first_stage` of a config: the folder with the tokenizer of a generator that has none beside it. */
const FirstStage = Type.Object({ first_stage: Type.Optional(Type.String()) });

/** Opens every file of the directory. Throws for one that is neither a checkpoint nor a recording. */
export async function openReferenceFolder(folder: string): Promise<ReferenceFolder> {
  const names = (await readdir(folder)).sort();
  const opened: Checkpoint[] = [];
  const close = async () => {
    for (const file of opened) await file.close();
  };
  const found: Record<Kind, Checkpoint[]> = {
    generator: [],
    tokenizer: [],
    decoder: [],
    stages: [],
    run: [],
    encode: [],
    firstStage: [],
  };
  try {
    for (const path of await checkpointFiles(folder)) {
      const file = await openCheckpoint(path);
      opened.push(file);
      found[kindOf(file)].push(file);
    }
    if (found.tokenizer.length === 0) found.tokenizer.push(...(await openFirstStage(folder, names, opened)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    config: names.includes(CONFIG) ? join(folder, CONFIG) : undefined,
    latentStatistics: names.includes(LATENT_STATISTICS) ? join(folder, LATENT_STATISTICS) : undefined,
    generators: pathsOf(found.generator),
    tokenizers: pathsOf(found.tokenizer),
    decoders: pathsOf(found.decoder),
    stages: found.stages,
    runs: found.run,
    encodes: found.encode,
    firstStages: found.firstStage,
    close,
  };
}

/** The tokenizers in the folder that config.json calls `first_stage`. */
async function openFirstStage(folder: string, names: readonly string[], opened: Checkpoint[]): Promise<Checkpoint[]> {
  if (!names.includes(CONFIG)) return [];
  const { first_stage } = await readJsonFile(join(folder, CONFIG), FirstStage);
  if (first_stage === undefined) return [];
  const files = [];
  for (const path of await checkpointFiles(join(folder, first_stage))) {
    const file = await openCheckpoint(path);
    opened.push(file);
    if (kindOf(file) === "tokenizer") files.push(file);
  }
  return files;
}

/** Those of the folder and of the folders in it. */
async function checkpointFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const paths = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) paths.push(...(await checkpointFiles(path)));
    else if (/\.(safetensors|pth|pt|ckpt|bin)$/i.test(entry.name) && (await stat(path)).isFile()) paths.push(path);
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
  const families = Object.values(FAMILY_PARITY);
  if (families.some(({ runMarker }) => file.metadata[runMarker] !== undefined)) return "run";
  if (families.some(({ stagesMarkers }) => stagesMarkers.some(has))) return "stages";
  if (has("encode.image")) return "firstStage";
  if (GENERATOR_MARKERS.some(has)) return "generator";
  if (has(DECODER_MARKER)) return "decoder";
  if (TOKENIZER_MARKERS.some(has)) return "tokenizer";
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
