import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { usableCores } from "../../engine/runtime/allowance.js";
import { openRuntime } from "../../engine/runtime/onnx.js";
import { ProviderError } from "../../engine/runtime/provider.js";
import { modelRefusal } from "../../engine/runtime/refusal.js";
import type { Device, Runtime, RuntimeSettings } from "../../engine/runtime/runtime.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { importModel } from "../../importer/import.js";
import type { ImportedModel } from "../../importer/options.js";
import { graphsOf, type Manifest, makesCodes } from "../../model/manifest.js";
import { compareCausalRun, compareCausalStages } from "./causal.js";
import { compareDecoder, openDecoder } from "./consistency.js";
import { compareDitRun, compareDitStages } from "./dit.js";
import { compareExposed } from "./exposed.js";
import { compareFirstStage, openFirstStage } from "./first-stage.js";
import { type ModelFiles, modelPairs, openReferenceFolder, ParityError, type ReferenceFolder } from "./folder.js";
import {
  compareDitSchedules,
  compareSchedules,
  type RecordedDitSchedules,
  type RecordedSchedules,
} from "./integer-schedules.js";
import { ParityModel } from "./model.js";
import { Recording } from "./recording.js";
import { Report } from "./report.js";
import { compareRun } from "./sampling.js";
import { compareEncode, compareStages } from "./stages.js";

/** The comparisons for one pair of checkpoint files. */
export interface Parity {
  readonly title: string;
  readonly report: Report;
}

/**
 * Imports every checkpoint file in a folder of recordings, and compares the model's results with all recordings, each stage
 * on recorded inputs, run on `device`. Throws `ParityError` if there is nothing to compare; a recording that can't be compared is a failed
 * line of the report.
 */
export async function* compareFolder(folder: string, device: Device = {}): AsyncGenerator<Parity> {
  const reference = await openReferenceFolder(folder);
  try {
    checkComplete(folder, reference);
    if (reference.generators.length === 0) {
      for (const path of reference.tokenizers)
        yield { title: relative(folder, path), report: await compareAlone(path, reference, device, compareTokenizer) };
      for (const path of reference.decoders)
        yield {
          title: relative(folder, path),
          report: await compareAlone(path, reference, device, compareConsistency),
        };
      return;
    }
    for (const files of modelPairs(reference)) {
      const title = `${relative(folder, files.generator)} and ${relative(folder, files.tokenizer)}`;
      yield { title, report: await compareModel(files, reference, device) };
    }
  } finally {
    await reference.close();
  }
}

/** Compares a family's schedules with every recorded case. */
export async function compareScheduleFile(path: string): Promise<Parity> {
  const report = new Report();
  const recorded = JSON.parse(await readFile(path, "utf8")) as RecordedSchedules | RecordedDitSchedules;
  if ("timesteps" in recorded) compareDitSchedules(recorded, report);
  else compareSchedules(recorded, report);
  return { title: path, report };
}

function checkComplete(folder: string, reference: ReferenceFolder): void {
  const missing = [];
  const isTokenizer = reference.firstStages.length > 0;
  if (!isTokenizer && reference.generators.length === 0)
    missing.push("no generator checkpoint (one with mask_token, y_embedder or tok_embeddings)");
  if (reference.tokenizers.length + reference.decoders.length === 0)
    missing.push("no tokenizer (one with decoder.conv_in.weight)");
  if (!isTokenizer && reference.stages.length + reference.runs.length === 0)
    missing.push("no recording (stages or a sampling run)");
  if (missing.length > 0) throw new ParityError(`${folder} has ${missing.join(", ")}.`);
}

async function compareModel(files: ModelFiles, reference: ReferenceFolder, device: Device): Promise<Report> {
  const models = await mkdtemp(join(tmpdir(), "marimba-parity-"));
  const report = new Report();
  try {
    const { folder, manifest } = await importInto(models, files, reference);
    const refusal = modelRefusal(manifest, device.provider);
    if (refusal !== undefined) throw new ProviderError(refusal);
    const graphs = graphsOf(manifest.architecture);
    const runtime = await openRuntime(folder, { threads: usableCores(), graphs, ...device });
    const { stages, runs, encodes } = comparisonsOf(manifest, runtime, report);
    for (const file of reference.stages) await compareRecording(file, report, stages);
    for (const file of reference.runs) await compareRecording(file, report, runs);
    for (const file of reference.encodes) await compareRecording(file, report, encodes);
    const exposed: Compare = (r) => compareExposed(manifest.architecture, runtime, r, report);
    for (const file of reference.firstStages) await compareRecording(file, report, exposed);
    await runtime.close();
  } finally {
    await rm(models, { recursive: true, force: true });
  }
  return report;
}

type Compare = (recording: Recording) => Promise<void>;

/** What compares each kind of recording with a model of its family. */
function comparisonsOf(manifest: Manifest, runtime: Runtime, report: Report) {
  const { generator, tokenizer } = manifest.architecture;
  if (makesCodes(generator)) {
    const model = { runtime, generator, tokenizer };
    return {
      stages: (r) => compareCausalStages(model, r, report),
      runs: (r) => compareCausalRun(model, r, report),
      encodes: () => Promise.reject(new Error("a causal model has no encoder")),
    } satisfies Record<string, Compare>;
  }
  if ("family" in generator) {
    const model = { runtime, generator, tokenizer };
    return {
      stages: (r) => compareDitStages(model, r, report),
      runs: (r) => compareDitRun(model, r, report),
      encodes: () => Promise.reject(new Error("a DiT has no encoder")),
    } satisfies Record<string, Compare>;
  }
  const model = new ParityModel(manifest, runtime);
  return {
    stages: (r) => compareStages(model, r, report),
    runs: (r) => compareRun(model, r, report),
    encodes: (r) => compareEncode(model, r, report),
  } satisfies Record<string, Compare>;
}

type CompareAlone = (
  files: { path: string; config: string; parent: string; settings: RuntimeSettings },
  recording: Recording,
  report: Report,
) => Promise<void>;

/** Compares a tokenizer or a decoder without a generator. */
async function compareAlone(
  path: string,
  { config, firstStages }: ReferenceFolder,
  device: Device,
  compare: CompareAlone,
): Promise<Report> {
  if (config === undefined)
    throw new ParityError(`${path} has no config.json beside it, which states what no tensor does.`);
  const report = new Report();
  for (const file of firstStages) {
    const parent = await mkdtemp(join(tmpdir(), "marimba-parity-"));
    await compareRecording(file, report, (recording) =>
      compare({ path, config, parent, settings: { threads: usableCores(), ...device } }, recording, report),
    ).finally(() => rm(parent, { recursive: true, force: true }));
  }
  return report;
}

const compareTokenizer: CompareAlone = async ({ path, config, parent, settings }, recording, report) =>
  compareFirstStage(await openFirstStage(parent, path, config, settings), recording, report);

const compareConsistency: CompareAlone = async ({ path, config, parent, settings }, recording, report) => {
  const side = (await recording.floats("encode.image")).shape[2]!;
  await compareDecoder(await openDecoder(parent, path, config, side, settings), recording, report);
};

function importInto(models: string, files: ModelFiles, reference: ReferenceFolder): Promise<ImportedModel> {
  const { config, latentStatistics } = reference;
  const latentStats = latentStatistics === undefined ? undefined : { path: latentStatistics };
  const options = { name: "parity", precision: "fp32", modelsDir: models, expose: true } as const;
  return importModel({ ...options, ...files, arch: config, latentStats });
}

/** Runs one comparison; an error, and any tensor left unread, is a failure. Throws `ProviderError`. */
export async function compareRecording(
  file: Checkpoint,
  report: Report,
  compare: (recording: Recording) => Promise<void>,
): Promise<void> {
  const recording = new Recording(file);
  try {
    await compare(recording);
    const unread = recording.unread();
    if (unread.length > 0) throw new Error(`nothing compares ${unread.join(", ")}`);
  } catch (error) {
    if (error instanceof ProviderError) throw error;
    report.holds(recording.name, "comparison", "file", false, error instanceof Error ? error.message : String(error));
  }
}
