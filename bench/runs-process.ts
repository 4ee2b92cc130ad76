// The bare ONNX runs, in a process of their own: `fork` it with the model's folder.
import { loadConfig } from "../src/config.js";
import { openModel } from "../src/engine/open-model.js";
import { type Load, serveMeasurements } from "./measuring-process.js";
import { openModelFolder } from "./model-folder.js";
import { type RecordedRun, recordRuns, replayRuns } from "./recorded-runs.js";
import { imageRequest } from "./workload.js";

const { maxBatch, threads } = loadConfig();
const { folder, manifest, models } = await openModelFolder(process.argv[2]!);
const runtime = await openModel(folder, manifest.architecture, { threads });
const recordings = new Map<string, RecordedRun[]>();

async function runs({ total, concurrency }: Load): Promise<number> {
  const key = `${total}/${concurrency}`;
  let recording = recordings.get(key);
  if (!recording) {
    const requests = Array.from({ length: total }, (_, index) => imageRequest(index, models));
    recordings.clear();
    recording = await recordRuns(runtime, manifest.architecture, requests, concurrency, maxBatch);
    recordings.set(key, recording);
  }
  return replayRuns(runtime, recording);
}

serveMeasurements({ runs });
