import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Type, { type Static } from "typebox";
import { Check } from "typebox/schema";
import { run as evaluate } from "../../src/commands/evaluation/evaluate.js";
import { openConfiguredEngine } from "../../src/commands/services/open-parts.js";
import type { Config } from "../../src/config.js";
import type { Engine } from "../../src/engine/engine.js";
import { Measures } from "../../src/evaluation/measure.js";
import { readFeatures } from "../../src/evaluation/reference.js";
import type { ModelRegistry } from "../../src/model/registry.js";
import { resolveRequest } from "../../src/resolve-request.js";
import { largest } from "../classifier.js";
import { median } from "../statistics.js";
import { processorMs } from "../workload.js";

/** A model at one setting. */
export interface Cell {
  readonly model: string;
  readonly steps: number;
  /** 1 for none. */
  readonly guidance: number;
}

const Result = Type.Object({ model_hash: Type.String(), ...Measures.properties });

export type CellResult = Static<typeof Result> & {
  /** Images that the classifier assigns to their class. */
  readonly recognised: number;
};

/** What all cells are measured with. */
export interface Measuring {
  readonly images: number;
  /** A folder for each cell; one that is complete is not measured again. */
  readonly out: string;
  readonly network: string;
  readonly reference: string;
}

export const cellName = ({ model, steps, guidance }: Cell): string => `${model}-${steps}-${guidance}`;

/** Generates the images of a cell that are not there yet, and measures them as `marimba evaluate` does. */
export async function measureCell(
  cell: Cell,
  models: ModelRegistry,
  { images, out, network, reference }: Measuring,
): Promise<CellResult> {
  const manifest = models.get(cell.model)!;
  const folder = join(out, cellName(cell));
  const done = async () => {
    const result = await readResult(join(folder, "result.json"));
    return result?.images === images && result.model_hash === manifest.hash ? result : undefined;
  };
  if (!(await done())) {
    process.stderr.write(`${cellName(cell)}\n`);
    const setting = ["--model", cell.model, "--steps", `${cell.steps}`, "--guidance-scale", `${cell.guidance}`];
    const measured = ["--num", `${images}`, "--features", network, "--reference", reference, "--out", folder];
    const code = await evaluate([...setting, ...measured]);
    if (code !== 0) process.exit(code);
  }
  const result = await done();
  if (!result) throw new Error(`${folder} has no result of this model; remove the folder, and run the command again.`);
  return { ...result, recognised: await countRecognised(join(folder, "features.npz"), manifest.classes.length) };
}

async function readResult(path: string): Promise<Static<typeof Result> | undefined> {
  const text = await readFile(path, "utf8").catch(() => "null");
  const result: unknown = JSON.parse(text);
  return Check(Result, result) ? result : undefined;
}

/** Image i shows class i mod `classes`. */
async function countRecognised(path: string, classes: number): Promise<number> {
  const { count, logits } = await readFeatures(path);
  if (!logits) throw new Error(`${path} has no logits: the feature network must be a classifier.`);
  const shown = (i: number) => largest(logits.values.subarray(i * logits.width, (i + 1) * logits.width));
  return Array.from({ length: count }, (_, i) => shown(i) === i % classes).filter(Boolean).length;
}

/** Processor milliseconds an image in one full batch of each cell, in turn; the median of the rounds. */
export async function timeCells(
  cells: readonly Cell[],
  models: ModelRegistry,
  config: Config,
  rounds: number,
): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number[]>(cells.map((cell) => [cellName(cell), []]));
  const names = [...new Set(cells.map(({ model }) => model))];
  for (let round = 0; round < rounds; round++)
    for (const name of names) {
      const of = { folder: models.folderOf(name), maxBatch: config.maxBatch, maxWaiting: config.maxBatch };
      const engine = await openConfiguredEngine(config, models.get(name)!, of);
      for (const cell of cells.filter(({ model }) => model === name))
        times.get(cellName(cell))!.push(await batchTime(cell, models, config.maxBatch, engine));
      await engine.close(0);
    }
  return new Map([...times].map(([name, ms]) => [name, median(ms)]));
}

async function batchTime(
  { model, steps, guidance }: Cell,
  models: ModelRegistry,
  batch: number,
  engine: Engine,
): Promise<number> {
  const requests = Array.from({ length: batch }, (_, index) => {
    const asked = { model, class: index % models.get(model)!.classes.length, seed: index };
    const { parameters, seed } = resolveRequest({ ...asked, steps, guidance_scale: guidance }, models, 1);
    return { parameters, seed, imageIndex: 0 };
  });
  return (await processorMs(() => Promise.all(requests.map((request) => engine.generate(request))))) / batch;
}
