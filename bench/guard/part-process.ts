// One part of the service beside its yardstick, in a process of their own: `fork` it with the model's folder, the part and,
// where the yardstick is the same part as it was, the root of the frozen project.
import { pathToFileURL } from "node:url";
import { type Load, serveMeasurements } from "../measuring-process.js";
import { openModelFolder } from "../model-folder.js";
import { pairedRatio } from "../statistics.js";
import { closedLoop, processorMs } from "../workload.js";
import { openFixedGraph } from "./fixed-graph.js";
import type { Work } from "./parts/part.js";
import { PARTS, type PartName } from "./parts/parts.js";

const [folder, name, frozenRoot] = process.argv.slice(2) as [string, PartName, string | undefined];
const model = await openModelFolder(folder);
const turns = PARTS[name];
const root = new URL("../../", import.meta.url);
const work = await openPart(root);
const yardstick = frozenRoot ? await openPart(pathToFileURL(`${frozenRoot}/`)) : await openFixedGraph();

/** Files of the frozen project are compiled. */
async function openPart(from: URL): Promise<Work> {
  const file = new URL(`bench/guard/parts/${name}.${from === root ? "ts" : "js"}`, from);
  const { open } = (await import(file.href)) as { open: (model: unknown) => Promise<Work> };
  return open(model);
}

/** Processor milliseconds of one turn after another; every image of the process is another one. */
function turnsOf({ image, serverMs }: Work, { total, concurrency }: Load): () => Promise<number> {
  let first = 0;
  return async () => {
    const before = (await serverMs?.()) ?? 0;
    const ownMs = await processorMs(() => closedLoop(total, concurrency, (index) => image(first + index)));
    first += total;
    return ownMs + ((await serverMs?.()) ?? 0) - before;
  };
}

/**
 * The part's processor time over its yardstick's, the median of all pairs: it leaves out the turns in which the process had to
 * compile, to collect garbage, or to come back after others. The sides begin in turn.
 */
async function ratio({ total: pairs }: Load): Promise<number> {
  const sides = [turnsOf(work, turns.work), turnsOf(yardstick, turns.yardstick)];
  const ms: [number[], number[]] = [[], []];
  for (let pair = -turns.warmUp; pair < pairs; pair++)
    for (const side of pair % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const took = await sides[side]!();
      if (pair >= 0) ms[side].push(took);
    }
  return pairedRatio(...ms);
}

serveMeasurements({ ratio });
