// npm run recognition: how many generated pictures the classifier takes for what was asked for, class by class.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadConfig } from "../src/config.js";
import { openEngine } from "../src/model/engine/client.js";
import { resolveRequest } from "../src/resolve.js";
import { openClassifier } from "./classifier.js";
import { closedLoop } from "./closed-loop.js";
import { type MeasuredModel, openModelFolder } from "./model-folder.js";
import { wilsonInterval } from "./statistics.js";
import { markdownTable } from "./table.js";

const USAGE = `npm run recognition: generated pictures that a classifier recognises

  npm run recognition -- [options]

  --per-class N       pictures of each class, at the default preset (default: 50)
  --model-folder DIR  the model, with classifier.onnx beside its graphs (default: models/demo)
  --help              print this
`;

const CLASSIFIER = "classifier.onnx";
/** Seeds 0, 1, 2 ... of every class: nobody chose them. */
const FIRST_SEED = 0;

function readOptions(argv: string[]): { folder: string; perClass: number } | undefined {
  const { values } = parseArgs({
    args: argv,
    options: {
      "per-class": { type: "string", default: "50" },
      "model-folder": { type: "string", default: join(fileURLToPath(new URL("../models/", import.meta.url)), "demo") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const perClass = Number(values["per-class"]);
  if (!Number.isInteger(perClass) || perClass < 1)
    throw new Error(`--per-class must be a whole number from 1, not ${JSON.stringify(values["per-class"])}.`);
  return { folder: values["model-folder"], perClass };
}

/** For each class, what the classifier saw in its pictures. */
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

const options = readOptions(process.argv.slice(2));
if (options) {
  const model = await openModelFolder(options.folder);
  process.stdout.write(`${recognitionTable(model, await seenClasses(model, options.perClass))}\n`);
}
