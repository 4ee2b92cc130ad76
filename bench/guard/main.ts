// npm run guard: whether engine, worker, queue or API has become slower, on any machine, however busy.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { runCommand } from "../command.js";
import { MeasuringProcess } from "../measuring-process.js";
import { median } from "../statistics.js";
import { freeze, thaw } from "./frozen.js";
import { PART_NAMES, PARTS, type PartName } from "./parts/parts.js";
import { catchSlowdown } from "./planted.js";
import { machineKind, readRatios, storeRatio } from "./ratios.js";
import { judge } from "./verdict.js";

const USAGE = `npm run guard: whether a part of the service has become slower

  npm run guard -- [options]

  --only PARTS     of ${PART_NAMES.join(", ")}, separated by commas (default: all)
  --plant PARTS    make these parts a fifth slower in a copy of the build, and see that the guard fails there
  --record engine  store the engine's ratio for this kind of machine
  --record service freeze worker, queue and API as they are now
  --help           print this

Each part's processor time is compared with that of its yardstick, in the same process and in short turns. The yardstick of
worker, queue and API is the same part as it was frozen, that of the engine a fixed graph. Exits with 1 where a part has
become slower.
`;

const root = fileURLToPath(new URL("../../", import.meta.url));
const modelFolder = join(root, "models/demo");
let thawed: string | undefined;
/** Written once. */
function frozenRoot(): string {
  thawed ??= thaw(root);
  return thawed;
}
const print = (line: string) => process.stdout.write(`${line}\n`);

/** Undefined if it has printed the help. */
function readOptions() {
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      only: { type: "string", default: PART_NAMES.join(",") },
      plant: { type: "string" },
      record: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const parts = (values.plant ?? values.only).split(",") as PartName[];
  const unknown = parts.filter((part) => !PART_NAMES.includes(part));
  if (unknown.length > 0)
    throw new UsageError(`There is no part ${unknown.join(", ")}, only ${PART_NAMES.join(", ")}.`);
  if (values.record !== undefined && values.record !== "engine" && values.record !== "service")
    throw new UsageError(`--record takes engine or service, not ${JSON.stringify(values.record)}.`);
  return { parts, toRecord: values.record, mustPlant: values.plant !== undefined };
}

/** In a process of its own: see part-process.ts. */
async function measureRatio(part: PartName): Promise<number> {
  const frozen = PARTS[part].isFrozen ? [frozenRoot()] : [];
  const process = await MeasuringProcess.start<"ratio">("guard/part-process.ts", modelFolder, part, ...frozen);
  const ratio = await process.measure("ratio", { total: PARTS[part].pairs, concurrency: 1 });
  await process.stop();
  return ratio;
}

/** Measures again before it fails: two processes in a row are hardly ever wrong in the same direction. */
async function isSlower(part: PartName): Promise<boolean> {
  const [kind, stored] = [machineKind(), readRatios()];
  const first = judge(part, await measureRatio(part), kind, stored);
  print(first.sentence);
  if (!first.isSlower) return false;
  print("Measured again:");
  const second = judge(part, await measureRatio(part), kind, stored);
  print(second.sentence);
  return second.isSlower;
}

/** Processes that the engine's ratio is recorded from, their median. */
const RECORDED = 3;

async function recordEngine(): Promise<void> {
  const ratios: number[] = [];
  for (let i = 0; i < RECORDED; i++) ratios.push(await measureRatio("engine"));
  storeRatio(machineKind(), median(ratios));
  print(`engine: ${ratios.map((ratio) => ratio.toFixed(3)).join(", ")}; the median is stored for ${machineKind()}.`);
}

/** On a kind of machine without a stored ratio, the engine's slowdown is planted beside a ratio that is measured now. */
async function missesSlowdown(part: PartName): Promise<boolean> {
  const [kind, stored] = [machineKind(), readRatios()];
  const own = part === "engine" && !(kind in stored) ? { [kind]: await measureRatio(part) } : {};
  return !(await catchSlowdown(root, part, { ...stored, ...own }));
}

/** How many of these parts fail. */
async function countFailures(parts: readonly PartName[], fails: (part: PartName) => Promise<boolean>): Promise<number> {
  let failures = 0;
  for (const part of parts) if (await fails(part)) failures++;
  return failures;
}

await runCommand(async () => {
  const options = readOptions();
  if (!options) return;
  const { parts, toRecord, mustPlant } = options;
  if (toRecord === "engine") return recordEngine();
  if (toRecord === "service") return freeze(root);
  const failures = await countFailures(parts, mustPlant ? missesSlowdown : isSlower);
  process.exitCode = failures === 0 ? 0 : 1;
});
