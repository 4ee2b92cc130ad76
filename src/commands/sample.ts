import { basename, dirname, extname, join } from "node:path";
import { loadConfig } from "../config.js";
import type { Engine, GeneratedImage } from "../engine/engine.js";
import type { Manifest } from "../model/manifest.js";
import { loadRegistry } from "../model/registry.js";
import { type ResolvedRequest, resolveRequest } from "../resolve-request.js";
import { encodePicture, encodePng, pictureText } from "../worker/picture.js";
import { insertPngText } from "../worker/png-text.js";
import { composeSheet } from "../worker/sheet.js";
import { findPictureFile, type PictureFile, PictureFileError } from "./picture-file.js";
import { type Grid, readSampleOptions, SAMPLE_USAGE, type SampleOptions } from "./sample-options.js";
import { showSampleProgress } from "./sample-progress.js";
import { interruptible } from "./services/interruption.js";
import { openConfiguredEngine } from "./services/open-engine.js";

/** A sheet of 32 x 32; the pixels of all images are held until they are written. */
const MAX_IMAGES = 1024;

/** Runs `marimba sample` with what follows the command's name; returns the exit code: 0, or 130 when interrupted. */
export async function runSample(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    const options = readSampleOptions(argv);
    if (options) await sample(options, signal);
    else process.stdout.write(SAMPLE_USAGE);
    return 0;
  });
}

async function sample({ request, out, grid }: SampleOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const models = await loadRegistry(config.modelsDir, request.model === undefined ? config.models : [request.model]);
  const resolved = resolveRequest(request, models, MAX_IMAGES);
  const files = await findFiles(out, grid ? 1 : resolved.num_images);
  const manifest = models.get(resolved.model)!;
  const maxBatch = Math.min(config.maxBatch, resolved.num_images);
  const engine = await openConfiguredEngine(config, manifest, { maxBatch, maxWaiting: resolved.num_images });
  try {
    const images = await generateAll(engine, resolved, signal);
    if (grid) await writeSheet(images, grid, files[0]!, resolved, manifest);
    else await writeEach(images, files, resolved, manifest);
    const paths = files.filter(({ kind }) => kind !== "standard output").map(({ path }) => `${path}\n`);
    process.stdout.write(paths.join(""));
    process.stderr.write(`Model ${resolved.model}, seed ${resolved.seed}.\n`);
  } finally {
    await engine.close(0);
  }
}

async function findFiles(out: string, count: number): Promise<PictureFile[]> {
  const file = await findPictureFile(out);
  if (count === 1) return [file];
  if (file.kind !== "file") {
    throw new PictureFileError(`--num writes files of their own, and ${out} is none; --grid makes one sheet.`);
  }
  return Promise.all(Array.from({ length: count }, (_, index) => findPictureFile(numbered(out, index))));
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
  files: readonly PictureFile[],
  { parameters, seed }: ResolvedRequest,
  manifest: Manifest,
): Promise<void> {
  for (const [imageIndex, image] of images.entries()) {
    await files[imageIndex]!.write(await encodePicture(image, { parameters, seed, imageIndex }, manifest));
  }
}

async function writeSheet(
  images: readonly GeneratedImage[],
  { columns, rows }: Grid,
  file: PictureFile,
  { parameters, seed }: ResolvedRequest,
  manifest: Manifest,
): Promise<void> {
  const png = await encodePng(composeSheet(images, columns, rows));
  const text = pictureText({ parameters, seed, imageIndex: 0 }, manifest).map(
    ([keyword, value]) => [keyword, keyword === "image_index" ? `0 to ${images.length - 1}` : value] as const,
  );
  await file.write(insertPngText(png, text));
}

/** `star.png` becomes `star-3.png`. */
function numbered(path: string, index: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${index}${extension}`);
}
