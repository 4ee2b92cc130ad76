import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Engine } from "../../engine/engine.js";
import { EvaluationError } from "../../evaluation/error.js";
import { makeFolder } from "../../files/make-folder.js";
import type { Manifest } from "../../model/manifest.js";
import type { ImageRequest, SamplingParameters } from "../../model/parameters.js";
import { encodeImage, imageFacts } from "../../worker/encode-image.js";

/** How a folder's images were generated: a run with the same settings continues it, others are refused. */
export interface EvaluationSettings {
  readonly model: string;
  readonly model_hash: string;
  readonly parameters: Omit<SamplingParameters, "class">;
  readonly seed: number;
}

export const imageFolder = (out: string) => join(out, "images");

/** At least six digits, so that names sort like their numbers. */
const fileName = (index: number) => `${String(index).padStart(6, "0")}.png`;

/** Image i of an evaluation is image i of its seed; the classes take turns. */
export function imageRequest({ parameters, seed }: EvaluationSettings, classes: number, index: number): ImageRequest {
  return { parameters: { ...parameters, class: index % classes }, seed, imageIndex: index };
}

/** Makes `out` the folder of these settings. Throws `EvaluationError` if it holds images of other settings. */
export async function claimFolder(out: string, settings: EvaluationSettings): Promise<void> {
  await makeFolder(imageFolder(out));
  const path = join(out, "settings.json");
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  const there = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there === undefined) return replaceFile(path, text);
  if (!isDeepStrictEqual(parsed(there), JSON.parse(text)))
    throw new EvaluationError(
      `${out} holds images of other settings (see its settings.json); name another folder, or remove it.`,
    );
}

/** Indices below `num` whose images do not exist yet. */
export async function missingImages(out: string, num: number): Promise<number[]> {
  const there = new Set(await readdir(imageFolder(out)));
  return Array.from({ length: num }, (_, index) => index).filter((index) => !there.has(fileName(index)));
}

/** The file is written whole or not at all, so that an interrupted run can be continued. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

export interface MakingOptions {
  readonly engine: Engine;
  readonly manifest: Manifest;
  readonly settings: EvaluationSettings;
  readonly out: string;
  readonly indices: readonly number[];
  /** Images in progress at once: enough to keep the engine's batch full. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
  readonly onImage: () => void;
}

/** Generates the images of `indices`; resolves with the engine's mean milliseconds per image. Rejects at the first failure. */
export async function makeImages(options: MakingOptions): Promise<number | undefined> {
  const { engine, manifest, settings, out, indices, atOnce, signal, onImage } = options;
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  let engineMs = 0;
  const lane = async () => {
    while (next < indices.length && !stop.aborted) {
      const index = indices[next++]!;
      const request = imageRequest(settings, manifest.classes.length, index);
      const image = await engine.generate(request, { signal: stop });
      engineMs += image.timing.msPerImage;
      const png = await encodeImage(image, imageFacts(request, manifest));
      await replaceFile(join(imageFolder(out), fileName(index)), png);
      onImage();
    }
  };
  const lanes = Array.from({ length: Math.min(atOnce, indices.length) }, lane);
  try {
    await Promise.all(lanes);
    signal.throwIfAborted();
  } catch (error) {
    failed.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
  return indices.length === 0 ? undefined : engineMs / indices.length;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
