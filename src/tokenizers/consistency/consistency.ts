import { inputLatents, latentShape } from "../../model/graph/autoencoder.js";
import { enlarge } from "../../model/graph/autoencoder-blocks.js";
import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { concat } from "../../model/graph/ops.js";
import { toPixels } from "../../model/graph/pixels.js";
import type { WeightIndex } from "../../model/graph/weights.js";
import type { ConsistencyDecoder, KlTokenizer } from "../../model/tokenizer-architecture.js";
import type { DecodeOptions } from "../tokenizer.js";
import { unet } from "./unet.js";

/** The latents that the decoder was trained on: KL-8's times 0.18215, normalised by channel. */
const SCALE = 0.18215;
const MEAN = [0.38862467, 0.02253063, 0.07381133, -0.0171294];
const STANDARD_DEVIATION = [0.9654121, 1.0440036, 0.76147926, 0.77022034];

/** Numbers that a step takes, in the order of `coefficients`; see `ConsistencyStep`. */
export const STEP_COEFFICIENTS = ["skip", "out", "in"] as const;

/**
 * `consistency`: one step of the consistency decoder (openai/consistencydecoder; DALL·E 3's report). `latents` as the generator makes
 * them, the noisy image `x` [images, 3, H, W], `timestep` [1] and `coefficients` [3] -> `x0` [images, 3, H, W], what the step
 * expects the image to be, and its `pixels` [images, H, W, 3], uint8.
 */
export function buildConsistency(
  t: KlTokenizer,
  d: ConsistencyDecoder,
  weights: WeightIndex,
  options: DecodeOptions,
): Uint8Array {
  const g = GraphBuilder.model("consistency", weights);
  const { image_height: height, image_width: width } = t;
  const latents = inputLatents(g, t);
  const x = g.input("x", "float32", ["images", 3, height, width]);
  const timestep = g.input("timestep", "int64", [1]);
  const coefficients = g.input("coefficients", "float32", [STEP_COEFFICIENTS.length]);
  const [skip, out, scale] = g.split("Split", [coefficients], STEP_COEFFICIENTS.length, {
    attributes: { axis: { int: 0 }, num_outputs: { int: STEP_COEFFICIENTS.length } },
  });
  const features = normalized(g, t, latents);
  const input = concat(g, [g.node("Mul", [x, scale!]), enlarge(g, features, height / t.latent_height)], 1);
  const network = unet(g, d, input, timestep);
  // The other three channels are of the training's loss.
  const [predicted] = g.split("Split", [network], 2, { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } });
  const x0 = g.node("Add", [g.node("Mul", [x, skip!]), g.node("Mul", [predicted!, out!])]);
  const image = d.clamp ? g.node("Clip", [x0, g.float(-1), g.float(1)]) : x0;
  g.output("x0", image, "float32", ["images", 3, height, width]);
  g.output("pixels", toPixels(g, image, options.rounding), "uint8", ["images", height, width, 3]);
  if (options.expose) {
    g.output("features", features, "float32", latentShape(t, t.latent_channels));
    g.output("input", input, "float32", ["images", 7, height, width]);
    g.output("network", network, "float32", ["images", 6, height, width]);
  }
  return g.encode();
}

function normalized(g: GraphBuilder, t: KlTokenizer, latents: Value): Value {
  const perChannel = (label: string, values: readonly number[]) =>
    g.node("Unsqueeze", [g.floats(label, Float32Array.from(values)), g.ints([1, 2])]); // [c, 1, 1]
  const scaled = g.node("Mul", [latents, g.float(SCALE / t.scale)]);
  const centred = g.node("Sub", [scaled, perChannel("mean", MEAN)]);
  return g.node("Div", [centred, perChannel("standard deviation", STANDARD_DEVIATION)]);
}
