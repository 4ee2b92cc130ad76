import { basename, dirname, extname, join } from "node:path";
import type { ParseArgsConfig } from "node:util";
import { loadConfig } from "../config.js";
import type { Engine } from "../engine/engine.js";
import { GenerateRequest } from "../job.js";
import { type ResolvedRequest, resolveRequest } from "../resolve-request.js";
import { fieldErrors, showValue } from "../validation/field-errors.js";
import { editFacts, encodeImage, imageFacts, type Pixels } from "../worker/encode-image.js";
import type { Facts } from "../worker/png-text.js";
import { readArguments, UsageError } from "./command-line.js";
import {
  optionName,
  readNumber,
  readSampling,
  SAMPLING_OPTIONS,
  SAMPLING_USAGE,
} from "./evaluation/sampling-options.js";
import { findImageFile, type ImageFile, ImageFileError } from "./image-file.js";
import { showProgress } from "./progress.js";
import { EDIT_OPTIONS, EDIT_USAGE, type EditFiles, type OpenEdit, openEdit, readEdit } from "./sample-edit.js";
import { openConfiguredEngine, openModels } from "./services/open-parts.js";
import { interruptible } from "./services/signals.js";

export const usage = `marimba sample: generates or edits images from the terminal, byte for byte as POST /generate and POST /edits

  marimba sample --class star --seed 7 --out star.png
  marimba sample --class star --grid 4x4 --out stars.png
  marimba sample --class heart --image star.png --mask mask.png --out heart.png
  marimba sample --class null --image star.png --extend right=2 --out wide.png

  --class CLASS              class index, name or id; null for no class (required)
  --out FILE                 the image to write; with --num: FILE-0.png, FILE-1.png and so on (required)
  --output-format FORMAT     png, jpeg or webp (default: as FILE ends, or png)
  --output-compression N     quality of a JPEG or WebP, 0 to 100 (default)
  --seed N                   0 to 2^53 - 1 (default: random, and printed)
  --num N                    generate N images, each in a file of its own
  --grid COLUMNSxROWS        generate that many images and write them as one sheet
${EDIT_USAGE}${SAMPLING_USAGE}
MODELS_DIR, THREADS and MAX_BATCH are read from the environment, as for marimba serve.
`;

/** What `marimba sample` was asked for. */
export interface SampleOptions {
  readonly request: GenerateRequest;
  readonly out: string;
  /** One sheet of all images instead of a file for each. */
  readonly grid?: Grid;
  /** Absent: the images are generated from nothing. */
  readonly edit?: EditFiles;
}

interface Grid {
  readonly columns: number;
  readonly rows: number;
}

const MAX_GRID_SIDE = 32;
/** The pixels of all images are held until they are written. */
const MAX_IMAGES = MAX_GRID_SIDE ** 2;

/** Runs `marimba sample`; returns the exit code: 0, or 130 when interrupted. */
export async function run(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    await sample(readSampleOptions(argv), signal);
    return 0;
  });
}

async function sample({ request, out, grid, edit: editFiles }: SampleOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const models = await openModels(config, request.model);
  const resolved = resolveRequest(request, models, MAX_IMAGES);
  const files = await findFiles(out, grid ? 1 : resolved.num_images);
  const manifest = models.get(resolved.model)!;
  const edit = editFiles && (await openEdit(editFiles, manifest));
  const factsOf = (imageIndex: number) => {
    const { parameters, seed } = resolved;
    return [...imageFacts({ parameters, seed, imageIndex }, manifest), ...editFacts(edit?.edit)];
  };
  const engine = await openConfiguredEngine(config, manifest, {
    folder: models.folderOf(manifest.name),
    maxBatch: Math.min(config.maxBatch, resolved.num_images),
    maxWaiting: resolved.num_images,
  });
  try {
    const images = await generateAll(engine, resolved, edit, signal);
    if (grid) await writeSheet(images, grid, files[0]!, resolved, factsOf(0));
    else await writeEach(images, files, resolved, factsOf);
    const paths = files.filter(({ kind }) => kind !== "standard output").map(({ path }) => `${path}\n`);
    process.stdout.write(paths.join(""));
    process.stderr.write(`Model ${resolved.model}, seed ${resolved.seed}.\n`);
  } finally {
    await engine.close(0);
  }
}

async function findFiles(out: string, count: number): Promise<ImageFile[]> {
  const file = await findImageFile(out);
  if (count === 1) return [file];
  if (file.kind !== "file") {
    throw new ImageFileError(`--num writes a file for each image, and ${out} is not a file; --grid writes one sheet.`);
  }
  return Promise.all(Array.from({ length: count }, (_, index) => findImageFile(numbered(out, index))));
}

/** `star.png` becomes `star-3.png`. */
function numbered(path: string, index: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${index}${extension}`);
}

async function generateAll(
  engine: Engine,
  { parameters, seed, num_images }: ResolvedRequest,
  edit: OpenEdit | undefined,
  signal: AbortSignal,
): Promise<Pixels[]> {
  const steps = Math.min(parameters.steps, edit?.sampledTokens ?? parameters.steps);
  const progress = showProgress("steps", steps * num_images, process.stderr);
  const indices = Array.from({ length: num_images }, (_, index) => index);
  try {
    return await Promise.all(
      indices.map(async (imageIndex) => {
        const request = { parameters, seed, imageIndex, ...(edit && { edit: edit.canvas.toEdit }) };
        const image = await engine.generate(request, { signal, onStep: () => progress.step() });
        return edit ? edit.canvas.paste(image) : image;
      }),
    );
  } finally {
    progress.stop();
  }
}

async function writeEach(
  images: readonly Pixels[],
  files: readonly ImageFile[],
  resolved: ResolvedRequest,
  factsOf: (imageIndex: number) => Facts,
): Promise<void> {
  for (const [imageIndex, image] of images.entries())
    await files[imageIndex]!.write(await encodeImage(image, factsOf(imageIndex), resolved));
}

async function writeSheet(
  images: readonly Pixels[],
  grid: Grid,
  file: ImageFile,
  resolved: ResolvedRequest,
  factsOfFirst: Facts,
): Promise<void> {
  const facts = factsOfFirst.map(
    ([keyword, value]) => [keyword, keyword === "image_index" ? `0 to ${images.length - 1}` : value] as const,
  );
  await file.write(await encodeImage(composeSheet(images, grid), facts, resolved));
}

/** Lays images of one size out side by side, row by row. */
function composeSheet(images: readonly Pixels[], { columns, rows }: Grid): Pixels {
  const { width, height } = images[0]!;
  const sheet = new Uint8Array(rows * height * columns * width * 3); // [rows * H, columns * W, 3]
  for (const [index, { pixels }] of images.entries()) {
    const left = (index % columns) * width;
    const top = Math.floor(index / columns) * height;
    for (let y = 0; y < height; y++) {
      const line = pixels.subarray(y * width * 3, (y + 1) * width * 3);
      sheet.set(line, ((top + y) * columns * width + left) * 3);
    }
  }
  return { pixels: sheet, width: columns * width, height: rows * height };
}

const text = { type: "string" } as const;
const OPTIONS: ParseArgsConfig["options"] = {
  ...SAMPLING_OPTIONS,
  ...EDIT_OPTIONS,
  class: text,
  seed: text,
  num: text,
  grid: text,
  out: text,
  "output-format": text,
  "output-compression": text,
};

/** Throws `UsageError` that names every wrong option. */
export function readSampleOptions(argv: string[]): SampleOptions {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  const { out, grid: gridText } = values;
  const problems: string[] = [];
  if (!out) problems.push("--out is required: the image to write");
  if (gridText !== undefined && values.num !== undefined) problems.push("--grid and --num exclude each other");
  const grid = gridText === undefined ? undefined : readGrid(gridText);
  if (grid === null)
    problems.push(`--grid must be COLUMNSxROWS such as 4x4, at most 32 each, not ${showValue(gridText)}`);

  const request = readRequest(values, grid ? grid.columns * grid.rows : values.num && readNumber(values.num));
  for (const { pointer, message } of fieldErrors(GenerateRequest, request)) {
    problems.push(`--${pointer === "/num_images" ? "num" : optionName(pointer.slice(1))} ${message}`);
  }
  const edit = readEdit(values, problems);
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${problem}.`).join("\n"));
  return { request: request as GenerateRequest, out: out!, ...(grid && { grid }), ...(edit && { edit }) };
}

function readRequest(values: Readonly<Record<string, string | undefined>>, numImages: unknown) {
  return {
    ...(numImages !== undefined && { num_images: numImages }),
    ...(values.class !== undefined && { class: readClass(values.class) }),
    ...(values.seed !== undefined && { seed: readNumber(values.seed) }),
    ...readOutput(values),
    ...readSampling(values),
  };
}

/** The endings of file names that ask for another format than PNG. */
const FORMATS: Readonly<Record<string, string>> = { ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp" };

function readOutput({ out, ...values }: Readonly<Record<string, string | undefined>>) {
  const format = values["output-format"] ?? FORMATS[extname(out ?? "").toLowerCase()];
  const compression = values["output-compression"];
  return {
    ...(format !== undefined && { output_format: format }),
    ...(compression !== undefined && { output_compression: readNumber(compression) }),
  };
}

function readClass(word: string): string | number | null {
  if (word === "null") return null;
  return /^-?\d+$/.test(word) ? Number(word) : word;
}

/** Null where the text is not a grid. */
function readGrid(size: string): Grid | null {
  const [, columns = 0, rows = 0] = /^(\d{1,2})x(\d{1,2})$/.exec(size)?.map(Number) ?? [];
  const fits = Math.min(columns, rows) >= 1 && Math.max(columns, rows) <= MAX_GRID_SIDE;
  return fits ? { columns, rows } : null;
}
