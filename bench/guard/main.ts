// npm run guard: whether engine, worker, queue or API has become slower, on any machine, however busy.
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { runCommand } from "../command.js";
import { MeasuringProcess } from "../measuring-process.js";
import { FROZEN_FILE, freeze, thaw } from "./frozen.js";
import { PART_NAMES, PARTS, type PartName } from "./parts/parts.js";
import { catchSlowdown } from "./planted.js";
import { judge } from "./verdict.js";

const USAGE = `npm run guard: whether a part of the service has become slower

  npm run guard -- [options]

  --only PARTS   of ${PART_NAMES.join(", ")}, separated by commas (default: all)
  --plant PARTS  make these parts a fifth slower in a copy of the build, and see that the guard fails there
  --record       freeze all parts as they are now
  --help         print this

Each part's processor time is compared with that of the same part as it was frozen, in the same process and in short turns. Exits
with 1 where a part has become slower.
`;

const root = fileURLToPath(new URL("../../", import.meta.url));
let thawed: string | undefined;
const print = (line: string) => process.stdout.write(`${line}\n`);

/** Undefined if it has printed the help. */
function readOptions() {
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      only: { type: "string" },
      plant: { type: "string" },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const { only, plant, record } = values;
  if ([only !== undefined, plant !== undefined, record].filter(Boolean).length > 1)
    throw new UsageError("--only, --plant and --record exclude each other.");
  const parts = (plant ?? only ?? PART_NAMES.join(",")).split(",").map((text) => {
    const part = PART_NAMES.find((name) => name === text);
    if (!part) throw new UsageError(`There is no part ${JSON.stringify(text)}, only ${PART_NAMES.join(", ")}.`);
    return part;
  });
  return { parts, mustRecord: record, mustPlant: plant !== undefined };
}

/** In a process of its own: see part-process.ts. */
async function measureRatio(part: PartName): Promise<number> {
  thawed ??= thaw(root);
  const process = await MeasuringProcess.start<"ratio">("guard/part-process.ts", part, root, thawed);
  const ratio = await process.measure("ratio", { total: PARTS[part].pairs, concurrency: 1 });
  await process.stop();
  return ratio;
}

/** Measures again what has changed: two processes in a row are hardly ever wrong in the same direction. */
async function isSlower(part: PartName): Promise<boolean> {
  const ratio = await measureRatio(part);
  const first = judge(part, ratio);
  if (first.change === "none") {
    print(first.sentence);
    return false;
  }
  print(`${part} takes ${ratio.toFixed(3)} times the processor time of its frozen state. Measuring again ...`);
  const second = judge(part, await measureRatio(part));
  print(second.sentence);
  return second.change === "slower";
}

await runCommand(async () => {
  const options = readOptions();
  if (!options) return;
  const { parts, mustRecord, mustPlant } = options;
  if (mustRecord) {
    freeze(root);
    print(`All parts are frozen in ${FROZEN_FILE}.`);
    return;
  }
  let failures = 0;
  for (const part of parts) if (mustPlant ? !(await catchSlowdown(root, part)) : await isSlower(part)) failures++;
  process.exitCode = failures === 0 ? 0 : 1;
});
