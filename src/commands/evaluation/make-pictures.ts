import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Engine } from "../../engine/engine.js";
import { EvaluationError } from "../../evaluation/error.js";
import { makeFolder } from "../../files/make-folder.js";
import type { Manifest } from "../../model/manifest.js";
import type { ImageRequest, SamplingParameters } from "../../model/parameters.js";
import { encodePicture } from "../../worker/picture.js";

/** What a folder of pictures was made with: the same settings find it again, others are refused. */
export interface PictureSettings {
  readonly model: string;
  readonly model_hash: string;
  readonly parameters: Omit<SamplingParameters, "class">;
  readonly seed: number;
}

export const pictureFolder = (out: string) => join(out, "pictures");

/** Six digits at least, so that names sort as their numbers do. */
const fileName = (index: number) => `${String(index).padStart(6, "0")}.png`;

/** Picture i of an evaluation: the classes take turns, and each picture is another image of one seed. */
export function pictureRequest({ parameters, seed }: PictureSettings, classes: number, index: number): ImageRequest {
  return { parameters: { ...parameters, class: index % classes }, seed, imageIndex: index };
}

/** Makes `out` the folder of these settings. Throws `EvaluationError` where it holds pictures of others. */
export async function claimFolder(out: string, settings: PictureSettings): Promise<void> {
  await makeFolder(pictureFolder(out));
  const path = join(out, "settings.json");
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  const there = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there === undefined) return replaceFile(path, text);
  if (!isDeepStrictEqual(parsed(there), JSON.parse(text)))
    throw new EvaluationError(
      `${out} holds pictures of other settings (settings.json there says which); name another folder, or remove it.`,
    );
}

/** Indices below `num` whose pictures are not there yet. */
export async function missingPictures(out: string, num: number): Promise<number[]> {
  const there = new Set(await readdir(pictureFolder(out)));
  return Array.from({ length: num }, (_, index) => index).filter((index) => !there.has(fileName(index)));
}

/** The file is there whole or not at all, so an interrupted run is gone on with. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

export interface MakingOptions {
  readonly engine: Engine;
  readonly manifest: Manifest;
  readonly settings: PictureSettings;
  readonly out: string;
  readonly indices: readonly number[];
  /** Pictures under way at once: enough that the engine's batch is always full. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
  readonly onPicture: () => void;
}

/** Makes the pictures of `indices`; resolves with the engine's mean milliseconds for one. Rejects as soon as one fails. */
export async function makePictures(options: MakingOptions): Promise<number | undefined> {
  const { engine, manifest, settings, out, indices, atOnce, signal, onPicture } = options;
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  let engineMs = 0;
  const lane = async () => {
    while (next < indices.length && !stop.aborted) {
      const index = indices[next++]!;
      const request = pictureRequest(settings, manifest.classes.length, index);
      const picture = await engine.generate(request, { signal: stop });
      engineMs += picture.timing.msPerImage;
      const png = await encodePicture(picture, request, manifest);
      await replaceFile(join(pictureFolder(out), fileName(index)), png);
      onPicture();
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
