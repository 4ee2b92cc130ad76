// npm run paper-table: the tables of MAR's paper, repeated with small networks on plain drawings.
import { spawnSync } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { openModels } from "../../src/commands/services/open-parts.js";
import { type Config, loadConfig } from "../../src/config.js";
import { markdownTable } from "../../src/markdown-table.js";
import { runCommand, whole } from "../command.js";
import { describeMachine } from "../machine.js";
import { type Cell, type CellResult, cellName, measureCell, timeCells } from "./measure.js";
import { type Network, networksOf, type Row, TABLES, type Table } from "./tables.js";

const USAGE = `npm run paper-table: the tables of MAR's paper, repeated with small networks on plain drawings

  npm run paper-table -- [options]

  --tables LIST  of the paper's tables 1, 2 and 3 (default: 1,2,3)
  --out DIR      images and results; a stopped run continues (default: evaluation/paper-table)
  --images N     images a cell, classes in turn (default: 1200)
  --rounds N     how often one full batch of each cell is timed (default: 3)
  --python FILE  a Python with training/requirements.txt, for the networks that are not there (default: python3)
  --help         print this

A network is taken from MODELS_DIR if it is there. Otherwise it is trained, which takes 10 to 60 minutes of a core each,
and imported. THREADS and MAX_BATCH are read from the environment, as for marimba serve.
`;

const OPTIONS = {
  tables: { type: "string", default: "1,2,3" },
  out: { type: "string", default: "evaluation/paper-table" },
  images: { type: "string", default: "1200" },
  rounds: { type: "string", default: "3" },
  python: { type: "string", default: "python3" },
  help: { type: "boolean", default: false },
} as const;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The classifier and the statistics of the plain drawings, which all networks learn. */
const DRAWINGS = join(ROOT, "bench", "paper-table", "drawings");
/** Without guidance, and with it. */
const GUIDANCE = [1, 2] as const;

/** Trains and imports a network that is not there yet. */
async function ensureTrained(network: Network, settings: Config, python: string): Promise<void> {
  const { model, config, tokenizerOf } = network;
  const { modelsDir } = settings;
  const isThere = await access(join(modelsDir, model, "model.json")).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (tokenizerOf) await ensureTrained(tokenizerOf, settings, python);
  process.stderr.write(`${model} is not in ${modelsDir}: training/configs/${config} makes it.\n`);
  const args = ["-m", "training", "run", join("training", "configs", config), "--import", model];
  const { status, error } = spawnSync(python, args, { cwd: ROOT, stdio: "inherit" });
  if (error) throw new Error(`${python} can't be started: ${error.message}. --python names a Python for the training.`);
  if (status !== 0) throw new Error(`${model} was not trained; see the lines above.`);
}

/** Throws for a number that is not a table's. */
function chosenTables(list: string): Table[] {
  return list.split(",").map((number) => {
    const table = TABLES[Number(number) - 1];
    if (!table) throw new UsageError(`--tables must be some of 1, 2 and 3, not ${JSON.stringify(list)}.`);
    return table;
  });
}

const cellsOf = ({ network, steps }: Row): Cell[] =>
  GUIDANCE.map((guidance) => ({ model: network.model, steps, guidance }));

function formatTable(
  { title, head, rows }: Table,
  results: ReadonlyMap<string, CellResult>,
  times: ReadonlyMap<string, number>,
): string {
  const columns = [
    ...[...head, "Guidance", "Paper: FID", "Distance", "95 %"],
    ...["Paper: IS", "IS", "Recall", "Recognised", "CPU ms an image"],
  ];
  const lines = rows.flatMap((row) =>
    cellsOf(row).map((cell, index) => {
      const { frechet_distance, frechet_interval, inception_score, recall, recognised, images } = results.get(
        cellName(cell),
      )!;
      const [fid, score] = row.paper[index]!;
      return [
        ...row.labels,
        cell.guidance === 1 ? "no" : "yes",
        `${fid}`,
        frechet_distance.toFixed(3),
        frechet_interval?.map((end) => end.toFixed(3)).join(" - ") ?? "",
        `${score}`,
        inception_score?.toFixed(2) ?? "",
        recall?.toFixed(3) ?? "",
        `${((100 * recognised) / images).toFixed(1)} %`,
        times.get(cellName(cell))?.toFixed(0) ?? "",
      ];
    }),
  );
  return `${title}\n\n${markdownTable(columns, lines, head.length + 1)}\n`;
}

async function main(): Promise<void> {
  const { values } = readArguments({ args: process.argv.slice(2), options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  const [images, rounds] = [whole("images", values.images, 2), whole("rounds", values.rounds, 0)];
  const tables = chosenTables(values.tables);
  const networks = networksOf(tables);
  const config = loadConfig();
  for (const network of networks) await ensureTrained(network, config, values.python);
  const models = await openModels({ ...config, models: networks.map(({ model }) => model) });
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const measuring = {
    ...{ images, out },
    network: join(DRAWINGS, "classifier.onnx"),
    reference: join(DRAWINGS, "reference.npz"),
  };
  const cells = [
    ...new Map(tables.flatMap(({ rows }) => rows.flatMap(cellsOf)).map((cell) => [cellName(cell), cell])).values(),
  ];
  const results = new Map<string, CellResult>();
  for (const cell of cells) results.set(cellName(cell), await measureCell(cell, models, measuring));
  const times = rounds === 0 ? new Map<string, number>() : await timeCells(cells, models, config, rounds);
  const parts = [
    ...tables.map((table) => formatTable(table, results, times)),
    [`${images} images a cell, batches of ${config.maxBatch}`, ...describeMachine()].join("; "),
  ];
  const text = `${parts.join("\n")}\n`;
  await writeFile(join(out, "tables.md"), text);
  process.stdout.write(text);
}

await runCommand(main);
