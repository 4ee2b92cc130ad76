// One run of Marimba's engine, timed by part like official.py. Prints one JSON object; times are milliseconds.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { ContinuousBatch } from "../../src/engine/batch.js";
import { openModel } from "../../src/engine/open-model.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { compareWithFloat32 } from "../../src/families/mar/importing/verify.js";
import { Progress } from "../../src/importer/progress.js";
import { type Architecture, marArchitecture } from "../../src/model/manifest.js";
import { openModelFolder } from "../model-folder.js";
import { type Traffic, timeCopies } from "./copies.js";
import type { Processor } from "./options.js";
import { PartialRuntime } from "./partial-runtime.js";
import type { RunResult } from "./records.js";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({
  options: {
    model: text,
    float32: text,
    preset: text,
    provider: text,
    batch: text,
    every: text,
    steps: text,
    "diffusion-steps": text,
    guidance: text,
    threads: text,
  },
});
const { folder, manifest } = await openModelFolder(values.model);
const options = { threads: Number(values.threads), provider: values.provider as Processor };
const runtime = await openModel(folder, manifest.architecture, options, ["predict", "denoise", "decode"]);
const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };

const parameters = {
  ...manifest.defaults,
  ...(values.preset
    ? manifest.presets[values.preset]!.parameters
    : {
        steps: Number(values.steps),
        diffusion_steps: Number(values["diffusion-steps"]),
        guidance_schedule: "linear" as const,
        temperature: 1,
        max_timestep: 999,
        order: "random" as const,
      }),
  guidance_scale: Number(values.guidance),
};
await makeImages(runtime, manifest.architecture, parameters.steps); // warm-up: one step and the decoder
await writeFile("/proc/self/clear_refs", "5"); // the peak of memory begins here, after loading
const { traffic, ...result } = await makeImages(runtime, manifest.architecture, Number(values.every));
const peakRssMib = Number(/^VmHWM:\s*(\d+) kB$/m.exec(await readFile("/proc/self/status", "utf8"))![1]) / 1024;
await runtime.close();
const copies = await timeCopies(traffic, { ...options, graphs: [] });
const marManifest = { ...manifest, architecture: marArchitecture(manifest.architecture) };
const deviations = values.float32
  ? await compareWithFloat32({ folder, manifest: marManifest }, values.float32, new Progress({}, 0), options)
  : [];
// Random weights make grey images, whose differences say nothing.
const telling = deviations.filter(({ of }) => of !== "pixels");
const facts = { copies, deviations: telling, peakRssMib, version: `onnxruntime-node ${version}` };
process.stdout.write(`${JSON.stringify({ ...result, ...facts })}\n`);

async function makeImages(
  inner: Runtime,
  model: Architecture,
  every: number,
): Promise<Pick<RunResult, "stepTimes" | "decode" | "wall" | "onnx"> & { traffic: Traffic }> {
  const partial = new PartialRuntime(inner, every, marArchitecture(model).generator.decoder.width);
  const images = Number(values.batch);
  const events = {
    started() {},
    stepped() {},
    previewed() {},
    finished() {},
    left(_id: number, _reason: string, message: string) {
      throw new Error(message);
    },
  };
  const limits = { maxBatch: images, maxBatchDelayMs: 0 };
  const batch = new ContinuousBatch(partial.runtime, model, limits, events, async () => {});
  const beginMs = performance.now();
  for (let id = 0; id < images; id++) batch.submit({ id, request: imageRequest(id, model), submittedMs: 0 });
  while (batch.idleMs() === 0) {
    const computed = partial.steps.length;
    partial.beginStep();
    await batch.step();
    partial.endStep();
    const last = partial.steps[computed];
    if (last) process.stderr.write(`step ${last.step}: ${((last.transformer + last.head) / 1000).toFixed(2)} s\n`);
  }
  const wall = performance.now() - beginMs;
  return { stepTimes: partial.steps, decode: partial.decodeMs, wall, onnx: partial.onnxMs, traffic: partial.traffic };
}

function imageRequest(id: number, { generator }: Architecture) {
  return { parameters: { ...parameters, class: (id * 111) % generator.class_count }, seed: 1, imageIndex: id };
}
