import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { usableCores } from "../../engine/runtime/allowance.js";
import { openRuntime } from "../../engine/runtime/onnx.js";
import { ProviderError } from "../../engine/runtime/provider.js";
import { modelRefusal } from "../../engine/runtime/refusal.js";
import type { Device, RuntimeSettings } from "../../engine/runtime/runtime.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { GENERATOR_MARKERS } from "../../importer/families.js";
import { importModel } from "../../importer/import.js";
import type { ImportedModel } from "../../importer/options.js";
import { familyName, graphsOf } from "../../model/manifest.js";
import { compareDecoder, openDecoder } from "./consistency.js";
import { compareExposed } from "./exposed.js";
import { FAMILY_PARITY } from "./families.js";
import { compareFirstStage, openFirstStage } from "./first-stage.js";
import { type ModelFiles, modelPairs, openReferenceFolder, ParityError, type ReferenceFolder } from "./folder.js";
import { Recording } from "./recording.js";
import { Report } from "./report.js";

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
  const recorded = JSON.parse(await readFile(path, "utf8")) as object;
  const all = Object.values(FAMILY_PARITY).flatMap(({ schedules = [] }) => schedules);
  const schedules = all.find(({ key }) => key in recorded);
  if (!schedules)
    throw new ParityError(
      `${path} has no schedules of a known family: ${alternatives.format(all.map(({ key }) => key))}.`,
    );
  schedules.compare(recorded, report);
  return { title: path, report };
}

/** `a, b and c` */
const conjunction = new Intl.ListFormat("en-GB", { type: "conjunction" });
/** `a, b or c` */
const alternatives = new Intl.ListFormat("en-GB", { type: "disjunction" });

function checkComplete(folder: string, reference: ReferenceFolder): void {
  const missing: string[] = [];
  const isTokenizer = reference.firstStages.length > 0;
  if (!isTokenizer && reference.generators.length === 0)
    missing.push(
      `no generator checkpoint (one with ${alternatives.format(GENERATOR_MARKERS.map((marker) => marker.split(".", 1)[0]!))})`,
    );
  if (reference.tokenizers.length + reference.decoders.length === 0)
    missing.push("no tokenizer (one with decoder.conv_in.weight)");
  if (!isTokenizer && reference.stages.length + reference.runs.length === 0)
    missing.push("no recording (stages or a sampling run)");
  if (missing.length > 0) throw new ParityError(`${folder} can't be compared: it has ${conjunction.format(missing)}.`);
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
    const model = { runtime, ...manifest.architecture };
    const name = familyName(model.generator);
    const family = FAMILY_PARITY[name];
    const encode = async (recording: Recording) => {
      if (!family.compareEncode) throw new Error(`a ${name} model has no encoder`);
      await family.compareEncode(model, recording, report);
    };
    for (const file of reference.stages)
      await compareRecording(file, report, (recording) => family.compareStages(model, recording, report));
    for (const file of reference.runs)
      await compareRecording(file, report, (recording) => family.compareRun(model, recording, report));
    for (const file of reference.encodes) await compareRecording(file, report, encode);
    for (const file of reference.firstStages)
      await compareRecording(file, report, (recording) => compareExposed(model, recording, report));
    await runtime.close();
  } finally {
    await rm(models, { recursive: true, force: true });
  }
  return report;
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
