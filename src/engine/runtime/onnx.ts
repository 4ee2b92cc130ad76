import { access } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { MODEL_FILES } from "../../model/manifest.js";
import {
  COEFFICIENTS,
  type DecodeResult,
  type DenoiseBatch,
  type DenoiseResult,
  type PredictBatch,
  type PredictResult,
  type Runtime,
  type RuntimeOptions,
} from "./runtime.js";
import { sessionOptions } from "./session-options.js";

/**
 * Opens the three graphs in a model's folder with ONNX Runtime. Opening and running block the calling thread: this
 * belongs into a thread of its own. Rejects with one sentence when a file is missing or cannot be used.
 */
export async function openRuntime(folder: string, options: RuntimeOptions): Promise<Runtime> {
  const opening = await sessionOptions(options);
  const sessions: InferenceSession[] = [];
  try {
    for (const file of [MODEL_FILES.predict, MODEL_FILES.denoise, MODEL_FILES.decode]) {
      const profiling = { enableProfiling: true, profileFilePrefix: `${options.profile}${file}` };
      sessions.push(await openSession(folder, file, { ...opening, ...(options.profile ? profiling : {}) }));
    }
  } catch (error) {
    for (const session of sessions) await session.release();
    throw error;
  }
  const [predict, denoise, decode] = sessions as [InferenceSession, InferenceSession, InferenceSession];
  return new OnnxRuntime(predict, denoise, decode, options.profile !== undefined);
}

async function openSession(
  folder: string,
  file: string,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  const path = join(folder, file);
  await access(path).catch(() => {
    throw new Error(`The model folder ${folder} has no ${file}. Import the model again.`);
  });
  return InferenceSession.create(path, options).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`ONNX Runtime cannot use ${path}: ${reason}`);
  });
}

class OnnxRuntime implements Runtime {
  constructor(
    private readonly predictSession: InferenceSession,
    private readonly denoiseSession: InferenceSession,
    private readonly decodeSession: InferenceSession,
    private readonly profiled: boolean,
  ) {}

  async predict(batch: PredictBatch): Promise<PredictResult> {
    const { rows, known } = batch;
    const [, , channels = 0] = inputShape(this.predictSession, "tokens");
    const [, tokenCount = 0] = inputShape(this.predictSession, "placement");
    const out = await this.predictSession.run({
      tokens: new Tensor("float32", batch.tokens, [rows, known, channels]),
      positions: new Tensor("int64", batch.positions, [rows, known]),
      known_counts: new Tensor("int64", batch.knownCounts, [rows]),
      classes: new Tensor("int64", batch.classes, [rows]),
      placement: new Tensor("int64", batch.placement, [rows, tokenCount]),
      targets: new Tensor("int64", batch.targets, [rows, batch.targetCount]),
    });
    return {
      z: floats(out, "z"),
      ...(out.encoder ? { encoder: floats(out, "encoder"), decoder: floats(out, "decoder") } : {}),
    };
  }

  async denoise(batch: DenoiseBatch): Promise<DenoiseResult> {
    const { rows, guidedRows, steps } = batch;
    const [, channels = 0] = inputShape(this.denoiseSession, "x");
    const [, width = 0] = inputShape(this.denoiseSession, "z");
    const [, frequencies = 0] = inputShape(this.denoiseSession, "frequencies");
    const out = await this.denoiseSession.run({
      x: new Tensor("float32", batch.x, [rows, channels]),
      z: new Tensor("float32", batch.z, [rows, width]),
      z_unconditional: new Tensor("float32", batch.zUnconditional, [guidedRows, width]),
      guidance: new Tensor("float32", batch.guidance, [guidedRows]),
      temperature: new Tensor("float32", batch.temperature, [rows]),
      noise: new Tensor("float32", batch.noise, [steps, rows, channels]),
      frequencies: new Tensor("float32", batch.frequencies, [steps, frequencies]),
      coefficients: new Tensor("float32", batch.coefficients, [steps, COEFFICIENTS.length]),
    });
    return { x: floats(out, "x_out"), ...(out.network ? { network: floats(out, "network") } : {}) };
  }

  async decode(latents: Float32Array, images: number): Promise<DecodeResult> {
    const [, ...latentShape] = inputShape(this.decodeSession, "latents");
    const out = await this.decodeSession.run({ latents: new Tensor("float32", latents, [images, ...latentShape]) });
    const pixels = out.pixels?.data as Uint8Array;
    return { pixels, ...(out.image ? { image: floats(out, "image") } : {}) };
  }

  async close(): Promise<void> {
    for (const session of [this.predictSession, this.denoiseSession, this.decodeSession]) {
      if (this.profiled) session.endProfiling();
      await session.release();
    }
  }
}

/** The sizes the graph itself states; an axis that varies from run to run counts as 0. */
function inputShape(session: InferenceSession, name: string): number[] {
  const found = session.inputMetadata.find((input) => input.name === name);
  if (!found?.isTensor) throw new Error(`The graph has no input ${name}.`);
  return found.shape.map((size) => (typeof size === "number" ? size : 0));
}

function floats(out: InferenceSession.ReturnType, name: string): Float32Array {
  return (out[name] as Tensor).data as Float32Array;
}
