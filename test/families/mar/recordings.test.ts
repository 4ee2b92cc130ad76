import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ContinuousBatch } from "../../../src/engine/batch.js";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { floats, type Runtime, type Tensors } from "../../../src/engine/runtime/runtime.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import { monotonicMs } from "../../../src/telemetry/monotonic-clock.js";
import {
  MAR_GRAPHS,
  type RecordedTensor,
  readRecording,
  readRecordingMetadata,
  TINY_ARCHITECTURE,
  writeTinyModel,
} from "../../model/tiny.js";

/**
 * The engine's own steps against the official sampler's: order and noise are the recorded ones (the two draw theirs from
 * different generators), and what a step sampled is replaced by the recorded tokens once it was compared.
 */
const { token_count: L } = TINY_ARCHITECTURE.generator;
/** Of the recorded tokens' root mean square, as parity allows. */
const ALLOWED = 1e-3;

let playing: Playback;

class Playback {
  readonly tensors: ReadonlyMap<string, RecordedTensor>;
  readonly metadata: Readonly<Record<string, unknown>>;

  constructor(readonly name: string) {
    this.tensors = readRecording(name);
    this.metadata = readRecordingMetadata(name);
  }

  tensor(name: string): RecordedTensor {
    const found = this.tensors.get(name);
    if (!found) throw new Error(`${this.name} has no ${name}.`);
    return found;
  }

  order(image: number): Int32Array {
    return Int32Array.from(this.tensor("orders").data.subarray(image * L, (image + 1) * L));
  }

  /** Whether a token is unknown when a step starts; after the last step none is. */
  masked(image: number, step: number, token: number): boolean {
    return this.tensors.get(`mask.${step}`)?.data[image * L + token] === 1;
  }

  /** Row of a token among those that a step samples: image by image and, within an image, by position. */
  row(image: number, step: number, token: number): number {
    let row = 0;
    for (let i = 0; i <= image; i++)
      for (let position = 0; position < (i < image ? L : token); position++)
        if (this.masked(i, step, position) && !this.masked(i, step + 1, position)) row++;
    return row;
  }
}

vi.mock("../../../src/model/sampler/token-order.js", () => ({
  tokenOrder: (_kind: string, _tokens: number, _seed: number, image: number) => playing.order(image),
}));
vi.mock("../../../src/model/sampler/noise.js", () => ({
  ImageNoise: class {
    constructor(
      _seed: number,
      readonly image: number,
    ) {}

    fill(out: Float32Array, offset: number, channels: number, step: number, token: number, draw: number): void {
      const { data, shape } = playing.tensor(`noise.${step}`);
      const from = (draw * shape[1]! + playing.row(this.image, step, token)) * channels;
      out.set(data.subarray(from, from + channels), offset);
    }
  },
}));

let folder: string;
let runtime: Runtime;
beforeAll(async () => {
  folder = writeTinyModel({});
  runtime = await openRuntime(folder, { threads: 1, graphs: MAR_GRAPHS });
});
afterAll(async () => {
  await runtime?.close();
  rmSync(folder, { recursive: true, force: true });
});

function worstError(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  let squares = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    squares += expected[i]! ** 2;
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  return worst / Math.sqrt(squares / expected.length);
}

/** Compares every step's samples and goes on with the recorded ones. */
class CheckedRuntime implements Runtime {
  readonly errors: number[] = [];
  readonly latents: Float32Array[] = [];

  async run(graph: string, inputs: Tensors): Promise<Tensors> {
    const outputs = await runtime.run(graph, inputs);
    if (graph === "decode") this.latents.push((inputs.latents!.data as Float32Array).slice());
    if (graph !== "denoise") return outputs;
    const { data, shape } = playing.tensor(`sampled.${this.errors.length}`);
    this.errors.push(worstError(floats(outputs, "x_out"), data));
    return { x_out: { data, shape } };
  }

  async close() {}
}

function parameters(label: number | null): FamilyParameters<"mar"> {
  const { num_iter, cfg, cfg_schedule, temperature } = playing.metadata;
  return {
    class: label,
    steps: num_iter as number,
    guidance_scale: cfg as number,
    guidance_schedule: cfg_schedule as "linear" | "constant",
    temperature: temperature as number,
    diffusion_steps: playing.tensor("noise.0").shape[0]! - 1,
    max_timestep: 999,
    order: "random",
  };
}

test.each(["linear_cfg", "no_cfg", "constant_cfg_one_token", "unconditional"])("%s", async (name) => {
  playing = new Playback(`${name}.safetensors`);
  const images = playing.tensor("orders").shape[0]!;
  const labels = (playing.metadata.labels as number[] | null) ?? new Array<null>(images).fill(null);
  const checked = new CheckedRuntime();
  const finished: number[] = [];
  const events = {
    started() {},
    stepped() {},
    previewed() {},
    finished: (id: number) => finished.push(id),
    left(_id: number, _reason: string, message: string) {
      throw new Error(message);
    },
  };
  const limits = { maxBatch: images, maxBatchDelayMs: 0 };
  const batch = new ContinuousBatch(checked, TINY_ARCHITECTURE, limits, events, async () => {});
  labels.forEach((label, imageIndex) => {
    const request = { parameters: parameters(label), seed: 0, imageIndex };
    batch.submit({ id: imageIndex, request, submittedMs: monotonicMs() });
  });
  while (batch.idleMs() === 0) await batch.step();

  expect(finished.length).toBe(images);
  expect(checked.errors.length).toBe(playing.metadata.num_iter);
  expect(Math.max(...checked.errors)).toBeLessThan(ALLOWED);
  expect(checked.latents[0]).toEqual(playing.tensor("latents").data);
});
