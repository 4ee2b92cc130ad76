import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type BatchEvents, type BatchLimits, ContinuousBatch, type LeaveReason } from "../../src/engine/batch.js";
import type { MeasuredSpans } from "../../src/engine/clock.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime, Tensors } from "../../src/engine/runtime/runtime.js";
import type { ImportedModel } from "../../src/importer/options.js";
import type { FamilyParameters } from "../../src/model/family-traits.js";
import { graphsOf, type Manifest } from "../../src/model/manifest.js";
import type { ImageRequest, ImageToEdit } from "../../src/model/parameters.js";
import { monotonicMs } from "../../src/telemetry/monotonic-clock.js";
import { importAlone } from "../importer/models.js";
import { TINY } from "../reference.js";

/** Imports the reference's tiny model. */
export function importTiny(): Promise<ImportedModel> {
  return importAlone({
    name: "tiny",
    generator: join(TINY, "mar.safetensors"),
    tokenizer: join(TINY, "kl16.safetensors"),
    arch: join(TINY, "config.json"),
  });
}

/** A model that is open while the tests of a `describe` run. */
interface OpenModel {
  manifest: Manifest;
  runtime: Runtime;
  /** The model once more on one thread, where the tests name the threads of the other. */
  single: Runtime;
}

/** Imports a model and opens it before the tests of a `describe`. The object that it returns is filled in by then. */
export function useModel(
  importIt: () => Promise<{ readonly folder: string; readonly manifest: Manifest }>,
  threads?: number,
): OpenModel {
  const model = {} as OpenModel;
  beforeAll(async () => {
    const { folder, manifest } = await importIt();
    const open = (count: number) => openRuntime(folder, { threads: count, graphs: graphsOf(manifest.architecture) });
    model.manifest = manifest;
    model.runtime = await open(threads ?? 1);
    if (threads !== undefined) model.single = await open(1);
  });
  afterAll(async () => {
    await model.runtime?.close();
    await model.single?.close();
  });
  return model;
}

const PLAIN: FamilyParameters<"mar"> = {
  class: 3,
  steps: 3,
  guidance_scale: 2,
  guidance_schedule: "linear",
  temperature: 1,
  diffusion_steps: 4,
  max_timestep: 500,
  order: "random",
};

export function imageRequest(
  change: Partial<FamilyParameters<"mar">> = {},
  seed = 1,
  imageIndex = 0,
): ImageRequest<FamilyParameters<"mar">> {
  return { parameters: { ...PLAIN, ...change }, seed, imageIndex };
}

/** An edit of an image of waves, which `phase` shifts, with one ring around the mask. */
export function editOf(mask: Uint8Array, phase = 0): ImageToEdit {
  const pixels = Uint8Array.from({ length: 3 * mask.length }, (_, i) => 128 + 127 * Math.sin((i + phase) / 50));
  return { pixels, mask, maskGrow: 1, strength: 1 };
}

/** Equal for equal bytes, and much quicker to compare than arrays in a failing assertion. */
export const fingerprint = (pixels: Uint8Array): string => createHash("sha256").update(pixels).digest("hex");

export interface Ended {
  readonly pixels?: Uint8Array;
  readonly spans?: MeasuredSpans;
  readonly reason?: LeaveReason;
  readonly message?: string;
}

/** A batch in the test's own thread, with everything it told. */
export class WatchedBatch {
  readonly ended = new Map<number, Ended>();
  readonly started: number[][] = [];
  readonly steps: string[] = [];
  readonly previews: { id: number; pixels: Uint8Array; step: number; of: number }[] = [];
  readonly batch: ContinuousBatch;
  /** Called between runs. */
  onPause = () => {};

  constructor(
    runtime: Runtime,
    readonly manifest: Manifest,
    limits: Partial<BatchLimits> = {},
  ) {
    const events: BatchEvents = {
      started: (ids) => this.started.push([...ids]),
      stepped: (steps) => this.steps.push(steps.map(({ id, step, of }) => `${id}:${step}/${of}`).join(" ")),
      previewed: (id, pixels, step, of) => this.previews.push({ id, pixels, step, of }),
      finished: (id, pixels, spans) => this.end(id, { pixels, spans }),
      left: (id, reason, message) => this.end(id, { reason, message }),
    };
    const all = { maxBatch: 16, maxBatchDelayMs: 0, ...limits };
    this.batch = new ContinuousBatch(runtime, manifest.architecture, all, events, async () => this.onPause());
  }

  submit(id: number, request: ImageRequest, deadlineMs?: number): void {
    const ticket = { id, request, submittedMs: monotonicMs() };
    this.batch.submit(deadlineMs === undefined ? ticket : { ...ticket, deadlineMs });
  }

  /** Steps until nothing is left to do; `before` is called ahead of each step with its number. */
  async run(before: (step: number) => void = () => {}): Promise<void> {
    for (let step = 0; ; step++) {
      before(step);
      if (this.batch.idleMs() > 0) return;
      await this.batch.step();
    }
  }

  /** The image's fingerprint; throws where it has none. */
  image(id: number): string {
    const { pixels, message } = this.ended.get(id) ?? { message: "It has not ended." };
    if (!pixels) throw new Error(`Image ${id} has no pixels: ${message}`);
    return fingerprint(pixels);
  }

  private end(id: number, ended: Ended): void {
    if (this.ended.has(id)) throw new Error(`Image ${id} ended twice.`);
    this.ended.set(id, ended);
  }
}

/** What happens in place of a run: `run` makes it. */
type Change = (inputs: Tensors, run: () => Promise<Tensors>) => Promise<Tensors>;

/** The real runtime, seen (or disturbed) before and after the runs of some graphs. */
export function watched(runtime: Runtime, change: Readonly<Record<string, Change>>): Runtime {
  return {
    ...runtime,
    run: (graph, inputs) => {
      const run = () => runtime.run(graph, inputs);
      return change[graph] ? change[graph](inputs, run) : run();
    },
  };
}

/** The runtime, and the rows of each of its runs of `predict` so far. */
export function countRows(runtime: Runtime): { readonly rows: number[]; readonly counted: Runtime } {
  const rows: number[] = [];
  const counted = watched(runtime, {
    predict: (inputs, run) => {
      rows.push(countOf(inputs));
      return run();
    },
  });
  return { rows, counted };
}

/** The first axis of an input: rows of `predict`, tokens of `denoise`, images of `decode`. */
export const countOf = (inputs: Tensors): number => (inputs.classes ?? inputs.x ?? inputs.latents)!.shape[0]!;

const made = new Map<string, string>();

/** The image that a request gives in a batch of its own; each is made once. */
export async function imageAlone(runtime: Runtime, manifest: Manifest, request: ImageRequest): Promise<string> {
  const key = JSON.stringify(request);
  const image = made.get(key) ?? (await freshImageAlone(runtime, manifest, request));
  made.set(key, image);
  return image;
}

export async function freshImageAlone(runtime: Runtime, manifest: Manifest, request: ImageRequest): Promise<string> {
  const one = new WatchedBatch(runtime, manifest);
  one.submit(0, request);
  await one.run();
  return one.image(0);
}

/**
 * Takes the subjects through a batch that one of them joins in each step, and expects each to have the bytes that it has alone.
 * `disturb` runs ahead of each step: neighbours come and go. Subjects have the ids from 0.
 */
export async function expectAsAlone(
  mixed: WatchedBatch,
  single: Runtime,
  subjects: readonly ImageRequest[],
  disturb: (step: number) => void = () => {},
): Promise<void> {
  await mixed.run((step) => {
    disturb(step);
    if (step < subjects.length) mixed.submit(step, subjects[step]!);
  });
  const images = subjects.map((_, id) => mixed.image(id));
  expect(new Set(images).size).toBe(subjects.length);
  for (const [id, request] of subjects.entries())
    expect(images[id], `subject ${id}`).toBe(await freshImageAlone(single, mixed.manifest, request));
}
