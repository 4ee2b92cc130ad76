// One part of the service beside its frozen state, in a process of their own: `fork` it with the part, and the roots of the
// project and of the frozen project.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Load, serveMeasurements } from "../measuring-process.js";
import { type MeasuredModel, openModelFolder } from "../model-folder.js";
import { pairedRatio } from "../statistics.js";
import { closedLoop, processorMs } from "../workload.js";
import type { Work } from "./parts/part.js";
import { PARTS, type PartName } from "./parts/parts.js";

const [name, root, frozenRoot] = process.argv.slice(2) as [PartName, string, string];
const { images, warmUp } = PARTS[name];
const now = await openPart(root, "ts");
const frozen = await openPart(frozenRoot, "js");

/** Files of the frozen project are compiled. */
async function openPart(from: string, ending: string): Promise<Work> {
  const file = pathToFileURL(join(from, `bench/guard/parts/${name}.${ending}`));
  const { open } = (await import(file.href)) as { open: (model: MeasuredModel) => Promise<Work> };
  return open(await openModelFolder(join(from, "models/demo")));
}

/** Processor milliseconds of one turn after another; every image of the process is another one. */
function turnsOf({ image, serverMs }: Work): () => Promise<number> {
  let first = 0;
  return async () => {
    const before = (await serverMs?.()) ?? 0;
    const ownMs = await processorMs(() => closedLoop(images, images, (index) => image(first + index)));
    first += images;
    return ownMs + ((await serverMs?.()) ?? 0) - before;
  };
}

/**
 * The part's processor time over that of its frozen state, the median of all pairs: it leaves out the turns in which the process
 * had to compile, to collect garbage, or to come back after others. The sides begin in turn.
 */
async function ratio({ total: pairs }: Load): Promise<number> {
  const sides = [turnsOf(now), turnsOf(frozen)];
  const ms: [number[], number[]] = [[], []];
  for (let pair = -warmUp; pair < pairs; pair++)
    for (const side of pair % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const took = await sides[side]!();
      if (pair >= 0) ms[side].push(took);
    }
  return pairedRatio(...ms);
}

serveMeasurements({ ratio });
