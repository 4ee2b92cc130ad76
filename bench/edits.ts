// npm run edits: whether edited images show what was asked for, and whether the mask's border can be seen in them.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments } from "../src/commands/command-line.js";
import { loadConfig } from "../src/config.js";
import { matchedBand, windowPaster } from "../src/editing/paste.js";
import { Decoder } from "../src/engine/decoder.js";
import { Encoder } from "../src/engine/encoder.js";
import { openModel } from "../src/engine/open-model.js";
import { openEngine } from "../src/engine/threaded-engine.js";
import { markdownTable } from "../src/markdown-table.js";
import { resolveRequest } from "../src/resolve-request.js";
import { openClassifier } from "./classifier.js";
import { runCommand, whole } from "./command.js";
import { type MeasuredModel, openModelFolder } from "./model-folder.js";
import { wilsonInterval } from "./statistics.js";
import { closedLoop } from "./workload.js";

const USAGE = `npm run edits: edits of generated images that a classifier recognises, and the seam that they leave

  npm run edits -- [options]

  --images N          edits of each kind (default: 600)
  --model-folder DIR  the model, with classifier.onnx beside its graphs (default: models/demo)
  --help              print this
`;

/** A channel's distance from the background's that makes a pixel part of the object. */
const CONTRAST = 24;

interface Image {
  readonly pixels: Uint8Array; // [H, W, 3]
  readonly width: number;
  readonly height: number;
}

/** Step across the mask's border, mean over pixels and channels: of 255. */
interface Seam {
  /** In the edited image, whose pixels outside the mask are the original's. */
  readonly edited: number;
  /** The same where the inside is the original, only encoded and decoded: what the tokenizer alone does. */
  readonly reconstructed: number;
  /** In the original. */
  readonly original: number;
}

interface Results {
  swapped: number;
  completed: number;
  readonly seams: Seam[];
}

function readOptions(argv: string[]): { folder: string; count: number } | undefined {
  const { values } = readArguments({
    args: argv,
    options: {
      images: { type: "string", default: "600" },
      "model-folder": { type: "string", default: join(fileURLToPath(new URL("../models/", import.meta.url)), "demo") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  return { folder: values["model-folder"], count: whole("images", values.images) };
}

/** The box around everything that is not the background, whose colour is that of the upper left corner. [H, W] */
function objectMask({ pixels, width, height }: Image): Uint8Array {
  const isObject = (p: number) => [0, 1, 2].some((c) => Math.abs(pixels[3 * p + c]! - pixels[c]!) > CONTRAST);
  const found = Array.from({ length: width * height }, (_, p) => p).filter(isObject);
  const columns = found.map((p) => p % width);
  const rows = found.map((p) => Math.floor(p / width));
  const [left, right, top, bottom] = [Math.min(...columns), Math.max(...columns), Math.min(...rows), Math.max(...rows)];
  return maskOf(width, height, (x, y) => x >= left && x <= right && y >= top && y <= bottom);
}

/** One of the four halves. */
function halfMask({ width, height }: Image, index: number): Uint8Array {
  const halves = [
    (x: number) => x < width / 2,
    (x: number) => x >= width / 2,
    (_: number, y: number) => y < height / 2,
    (_: number, y: number) => y >= height / 2,
  ];
  return maskOf(width, height, halves[index % 4]!);
}

function maskOf(width: number, height: number, isMasked: (x: number, y: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, p) => Number(isMasked(p % width, Math.floor(p / width))));
}

/** Mean difference of the `inside` image's pixels along the mask's border and their neighbours outside, in the original. */
function stepAcross(mask: Uint8Array, inside: Uint8Array, { pixels, width, height }: Image): number {
  let sum = 0;
  let count = 0;
  for (let p = 0; p < mask.length; p++) {
    const [x, y] = [p % width, Math.floor(p / width)];
    const neighbours = [x > 0 && p - 1, x < width - 1 && p + 1, y > 0 && p - width, y < height - 1 && p + width];
    for (const q of neighbours) {
      if (q === false || !mask[p] || mask[q]) continue;
      for (let c = 0; c < 3; c++) sum += Math.abs(inside[3 * p + c]! - pixels[3 * q + c]!);
      count += 3;
    }
  }
  return sum / count;
}

async function measure({ folder, manifest, models }: MeasuredModel, total: number): Promise<Results> {
  const { maxBatch, maxBatchDelayMs, threads } = loadConfig();
  const engine = await openEngine({ folder, manifest, maxBatch, maxBatchDelayMs, maxWaiting: maxBatch, threads });
  const runtime = await openModel(folder, manifest.architecture, { threads: 1 });
  const encoder = new Encoder(runtime, manifest.architecture.tokenizer);
  const decoder = new Decoder(runtime, manifest.architecture.tokenizer);
  const classifier = await openClassifier(join(folder, "classifier.onnx"));
  const classes = manifest.classes.length;
  const results: Results = { swapped: 0, completed: 0, seams: [] };
  const make = (asked: number, index: number, edit?: { pixels: Uint8Array; mask: Uint8Array }) => {
    const { parameters, seed } = resolveRequest({ class: asked, seed: index }, models, 1);
    const whole = edit && { edit: { ...edit, maskGrow: 1, strength: 1 } };
    return engine.generate({ parameters, seed, imageIndex: edit ? 1 : 0, ...whole });
  };
  const reach = matchedBand(manifest.architecture);
  const editOf = async (asked: number, index: number, original: Image, mask: Uint8Array) => {
    const drawn = await make(asked, index, { pixels: original.pixels, mask });
    const place = { left: 0, top: 0, width: original.width, height: original.height };
    const edited = windowPaster({ ...original, mask }, place, 0, reach)(drawn);
    const [shown] = await classifier.classify([edited.pixels], edited.width, edited.height);
    return { pixels: edited.pixels, isRecognised: shown === asked };
  };
  await closedLoop(total, 2 * maxBatch, async (index) => {
    const original = await make(index % classes, index);
    const { pixels } = original;
    const other = (index + 1 + (Math.floor(index / classes) % (classes - 1))) % classes;
    const swapped = await editOf(other, index, original, objectMask(original));
    const half = halfMask(original, Math.floor(index / classes));
    const completed = await editOf(index % classes, index, original, half);
    const { pixels: reconstructed } = await decoder.decode(await encoder.encodePixels(pixels));
    const [edited, plain, natural] = [completed.pixels, reconstructed, pixels].map((inside) =>
      stepAcross(half, inside, original),
    );
    // Added last: others add to the same numbers meanwhile.
    results.swapped += Number(swapped.isRecognised);
    results.completed += Number(completed.isRecognised);
    results.seams.push({ edited: edited!, reconstructed: plain!, original: natural! });
  });
  await classifier.close();
  await runtime.close();
  await engine.close(0);
  return results;
}

function table({ swapped, completed, seams }: Results): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const of = seams.length;
  const row = (name: string, hits: number) => {
    const { low, high } = wilsonInterval(hits, of);
    return [name, `${hits} of ${of}`, percent(hits / of), `${percent(low)} - ${percent(high)}`];
  };
  const mean = (of: keyof Seam) => (seams.reduce((sum, seam) => sum + seam[of], 0) / seams.length).toFixed(2);
  const recognised = markdownTable(
    ["Edit", "Recognised", "Share", "95 % interval"],
    [row("object's box, another class", swapped), row("half of the image, its class", completed)],
  );
  const seam = markdownTable(
    ["Mean step across the border of a half, of 255", ""],
    [
      ["edited", mean("edited")],
      ["encoded and decoded only", mean("reconstructed")],
      ["original", mean("original")],
    ],
  );
  return `${recognised}\n\n${seam}`;
}

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  if (!options) return;
  const model = await openModelFolder(options.folder);
  process.stdout.write(`${table(await measure(model, options.count))}\n`);
});
