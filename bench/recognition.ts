// npm run recognition: how many generated images the classifier assigns to the requested class, class by class.
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../src/commands/command-line.js";
import { loadConfig } from "../src/config.js";
import { openEngine } from "../src/engine/threaded-engine.js";
import { importModel } from "../src/importer/import.js";
import { markdownTable } from "../src/markdown-table.js";
import { PRECISIONS, type Precision } from "../src/model/manifest.js";
import { resolveRequest } from "../src/resolve-request.js";
import { checkpointOfModel } from "./checkpoint/of-model.js";
import { openClassifier } from "./classifier.js";
import { runCommand, whole } from "./command.js";
import { type MeasuredModel, openModelFolder } from "./model-folder.js";
import { wilsonInterval } from "./statistics.js";
import { closedLoop } from "./workload.js";

const USAGE = `npm run recognition: generated images that a classifier recognises

  npm run recognition -- [options]

  --per-class N       images of each class, at the default preset (default: 50)
  --model-folder DIR  the model, with classifier.onnx beside its graphs (default: models/demo)
  --precision P       import the model, which must be float32, in this precision first: fp32, int8 or fp16
  --help              print this
`;

const CLASSIFIER = "classifier.onnx";
/** Seeds 0, 1, 2 ... of every class: not cherry-picked. */
const FIRST_SEED = 0;

interface Options {
  readonly folder: string;
  readonly perClass: number;
  readonly precision?: Precision | undefined;
}

function readOptions(argv: string[]): Options | undefined {
  const { values } = readArguments({
    args: argv,
    options: {
      "per-class": { type: "string", default: "50" },
      "model-folder": { type: "string", default: join(fileURLToPath(new URL("../models/", import.meta.url)), "demo") },
      precision: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const perClass = whole("per-class", values["per-class"]);
  const precision = PRECISIONS.find((one) => one === values.precision);
  if (values.precision !== undefined && !precision)
    throw new UsageError(
      `--precision must be one of ${PRECISIONS.join(", ")}, not ${JSON.stringify(values.precision)}.`,
    );
  return { folder: values["model-folder"], perClass, precision };
}

/** Runs `use` on the model, or on a temporary import of the model in the precision given. */
async function withModel({ folder, precision }: Options, use: (model: MeasuredModel) => Promise<void>): Promise<void> {
  const model = await openModelFolder(folder);
  if (!precision) return use(model);
  const modelsDir = await mkdtemp(join(tmpdir(), "marimba-recognition-"));
  try {
    const source = await checkpointOfModel(model.folder, model.manifest, modelsDir);
    const imported = await importModel({ ...source, name: precision, precision, modelsDir });
    await copyFile(join(model.folder, CLASSIFIER), join(imported.folder, CLASSIFIER));
    await use(await openModelFolder(imported.folder));
  } finally {
    await rm(modelsDir, { recursive: true, force: true });
  }
}

/** For each class, the classes that the classifier assigned to its images. */
async function seenClasses({ folder, manifest, models }: MeasuredModel, perClass: number): Promise<number[][]> {
  const { maxBatch, maxBatchDelayMs, threads } = loadConfig();
  const engine = await openEngine({ folder, manifest, maxBatch, maxBatchDelayMs, maxWaiting: maxBatch, threads });
  const classifier = await openClassifier(join(folder, CLASSIFIER));
  const seen: number[][] = manifest.classes.map(() => []);
  await closedLoop(manifest.classes.length * perClass, 2 * maxBatch, async (index) => {
    const asked = Math.floor(index / perClass);
    const request = { class: asked, seed: FIRST_SEED + (index % perClass) };
    const { parameters, seed } = resolveRequest(request, models, 1);
    const { pixels, width, height } = await engine.generate({ parameters, seed, imageIndex: 0 });
    const [shown] = await classifier.classify([pixels], width, height);
    seen[asked]!.push(shown!);
  });
  await classifier.close();
  await engine.close(0);
  return seen;
}

function recognitionTable({ manifest }: MeasuredModel, seen: readonly (readonly number[])[]): string {
  const row = (name: string, hits: number, of: number, mistakenFor: string) => {
    const { low, high } = wilsonInterval(hits, of);
    const percent = (share: number) => (100 * share).toFixed(1);
    return [name, `${hits} of ${of}`, `${percent(hits / of)} %`, `${percent(low)} - ${percent(high)} %`, mistakenFor];
  };
  const hits = seen.map((shown, asked) => shown.filter((one) => one === asked).length);
  const rows = seen.map((shown, asked) => {
    const names = shown.filter((one) => one !== asked).map((one) => manifest.classes[one]!.name);
    const counts = [...new Set(names)].map((name) => `${name} ${names.filter((one) => one === name).length}`);
    return row(manifest.classes[asked]!.name, hits[asked]!, shown.length, counts.join(", "));
  });
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b);
  const all = row("all", sum(hits), sum(seen.map((shown) => shown.length)), "");
  return markdownTable(["Class", "Recognised", "Share", "95 % interval", "Mistaken for"], [...rows, all]);
}

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  if (!options) return;
  await withModel(options, async (model) => {
    process.stdout.write(`${recognitionTable(model, await seenClasses(model, options.perClass))}\n`);
  });
});
