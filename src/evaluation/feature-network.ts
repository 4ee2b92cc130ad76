import { access } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { EvaluationError } from "./error.js";

/** Images of one size, one after another. */
export interface ImageBatch {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array; // [count, height, width, 3]
}

/** A network that turns images into features, by which sets of images are compared. */
export interface FeatureNetwork {
  /** Whether it also has the output `logits`. */
  readonly hasLogits: boolean;
  run(batch: ImageBatch): Promise<{ features: Float32Array; logits?: Float32Array }>; // [count, width] each
  close(): Promise<void>;
}

const FEATURES = "features";
const LOGITS = "logits";

/**
 * Opens an ONNX file with one input [N, 3, H, W] (float32 in [-1, 1], or uint8) and an output `features` [N, D]; an
 * output `logits` [N, K] is used if there is one. Rejects with `EvaluationError`.
 */
export async function openFeatureNetwork(path: string, threads: number): Promise<FeatureNetwork> {
  await access(path).catch(() => {
    throw new EvaluationError(
      `There is no feature network ${path}: name one with --features, and what it says of the training's images with --reference.`,
    );
  });
  const session = await InferenceSession.create(path, {
    logSeverityLevel: 4,
    intraOpNumThreads: threads,
  }).catch((error: unknown) => {
    throw new EvaluationError(
      `ONNX Runtime can't use ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const [input] = session.inputMetadata;
  const type = input?.isTensor ? input.type : undefined;
  const takes = type === "float32" || type === "uint8";
  if (session.inputNames.length !== 1 || !takes || !session.outputNames.includes(FEATURES)) {
    await session.release();
    throw new EvaluationError(
      `${path} is not a feature network: it must have one input [N, 3, H, W] of float32 or uint8 and an output named ${FEATURES}.`,
    );
  }
  const sides = (input?.isTensor ? input.shape : []).slice(2);
  const hasLogits = session.outputNames.includes(LOGITS);
  const outputs = hasLogits ? [FEATURES, LOGITS] : [FEATURES];
  return {
    hasLogits,
    async run({ count, height, width, pixels }) {
      const shape = [count, 3, height, width];
      if (sides.some((side, axis) => typeof side === "number" && side !== shape[2 + axis]))
        throw new EvaluationError(
          `${path} takes images of ${sides.toReversed().join(" x ")} pixels, not of ${width} x ${height}: name another network with --features.`,
        );
      const planes = type === "uint8" ? new Uint8Array(pixels.length) : new Float32Array(pixels.length);
      toPlanes(pixels, height * width, planes, type === "uint8");
      const result = await session.run({ [input!.name]: new Tensor(type, planes, shape) }, outputs);
      return {
        features: result[FEATURES]!.data as Float32Array,
        ...(hasLogits && { logits: result[LOGITS]!.data as Float32Array }),
      };
    },
    close: () => session.release(),
  };
}

/** [N, H, W, 3] bytes -> [N, 3, H, W], as they are or in [-1, 1]. */
function toPlanes(pixels: Uint8Array, area: number, planes: Uint8Array | Float32Array, asBytes: boolean): void {
  for (let image = 0; image < pixels.length; image += 3 * area)
    for (let channel = 0; channel < 3; channel++)
      for (let p = 0; p < area; p++) {
        const value = pixels[image + 3 * p + channel]!;
        planes[image + channel * area + p] = asBytes ? value : value / 127.5 - 1;
      }
}
