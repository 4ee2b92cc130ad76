import { rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { loadConfig } from "../config.js";
import type { Engine, GeneratedImage } from "../model/engine/engine.js";
import type { Manifest } from "../model/manifest.js";
import { loadRegistry } from "../model/registry.js";
import { type ResolvedRequest, resolveRequest } from "../resolve.js";
import { encodePicture, encodePng, pictureText } from "../worker/picture.js";
import { insertPngText } from "../worker/png-text.js";
import { composeSheet } from "../worker/sheet.js";
import { openConfiguredEngine } from "./open-engine.js";
import { type Grid, readSampleOptions, SAMPLE_USAGE, type SampleOptions } from "./sample-options.js";
import { showSampleProgress } from "./sample-progress.js";

/** A sheet of 32 x 32; the pixels of all images are held until they are written. */
const MAX_IMAGES = 1024;

/** Runs `marimba sample` with what follows the command's name; returns the exit code: 0, or 130 when interrupted. */
export async function runSample(argv: string[]): Promise<number> {
  const abort = new AbortController();
  const onInterrupt = () => abort.abort();
  process.on("SIGINT", onInterrupt);
  try {
    const options = readSampleOptions(argv);
    if (options) await sample(options, abort.signal);
    else process.stdout.write(SAMPLE_USAGE);
    return 0;
  } catch (error) {
    if (abort.signal.aborted) return 130;
    throw error;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

async function sample({ request, out, grid }: SampleOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const models = await loadRegistry(config.modelsDir, request.model === undefined ? config.models : [request.model]);
  const resolved = resolveRequest(request, models, MAX_IMAGES);
  const manifest = models.get(resolved.model)!;
  const maxBatch = Math.min(config.maxBatch, resolved.num_images);
  const engine = await openConfiguredEngine(config, manifest, { maxBatch, maxWaiting: resolved.num_images });
  try {
    const images = await generateAll(engine, resolved, signal);
    const files = await (grid
      ? writeSheet(images, grid, out, resolved, manifest)
      : writeEach(images, out, resolved, manifest));
    process.stdout.write(`${files.join("\n")}\n`);
    process.stderr.write(`Model ${resolved.model}, seed ${resolved.seed}.\n`);
  } finally {
    await engine.close(0);
  }
}

async function generateAll(engine: Engine, resolved: ResolvedRequest, signal: AbortSignal): Promise<GeneratedImage[]> {
  const { parameters, seed, num_images } = resolved;
  const progress = showSampleProgress(parameters.steps, num_images, process.stderr);
  const indices = Array.from({ length: num_images }, (_, index) => index);
  try {
    return await Promise.all(
      indices.map((imageIndex) =>
        engine.generate({ parameters, seed, imageIndex }, { signal, onStep: () => progress.step() }),
      ),
    );
  } finally {
    progress.stop();
  }
}

async function writeEach(
  images: readonly GeneratedImage[],
  out: string,
  { parameters, seed }: ResolvedRequest,
  manifest: Manifest,
): Promise<string[]> {
  const files = [];
  for (const [imageIndex, image] of images.entries()) {
    const file = images.length === 1 ? out : numbered(out, imageIndex);
    await writeWhole(file, await encodePicture(image, { parameters, seed, imageIndex }, manifest));
    files.push(file);
  }
  return files;
}

async function writeSheet(
  images: readonly GeneratedImage[],
  { columns, rows }: Grid,
  out: string,
  { parameters, seed }: ResolvedRequest,
  manifest: Manifest,
): Promise<string[]> {
  const png = await encodePng(composeSheet(images, columns, rows));
  const text = pictureText({ parameters, seed, imageIndex: 0 }, manifest).map(
    ([keyword, value]) => [keyword, keyword === "image_index" ? `0 to ${images.length - 1}` : value] as const,
  );
  await writeWhole(out, insertPngText(png, text));
  return [out];
}

/** `star.png` becomes `star-3.png`. */
function numbered(path: string, index: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${index}${extension}`);
}

/** Replaces the file in one move: whoever reads it sees the old picture or the new one. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, bytes, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
