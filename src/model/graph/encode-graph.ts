import type { TokenizerArchitecture } from "../manifest.js";
import { conv, levelBlocks, middleBlocks, outputBlock, weight } from "./autoencoder-blocks.js";
import { GraphBuilder, type Value } from "./builder.js";
import type { GraphOptions, WeightIndex } from "./weights.js";

const ENCODER = "tokenizer.encoder";

/**
 * `encode`: image [images, 3, H, W] in [-1, 1] -> latents [images, C', h, w] as the generator makes them: the mean of the
 * posterior that the KL autoencoder's encoder of the reference (models/vae.py) gives, times the scale.
 */
export function buildEncode(t: TokenizerArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("encode", weights);
  const image = g.input("image", "float32", ["images", 3, t.image_height, t.image_width]);
  const levels = t.encoder_levels ?? [];
  let h = conv(g, image, `${ENCODER}.conv_in`, 3);
  for (const [i, level] of levels.entries()) {
    const name = `${ENCODER}.down.${i}`;
    h = levelBlocks(g, t, h, name, level);
    if (i < levels.length - 1) h = downsample(g, h, `${name}.downsample.conv`);
  }
  h = outputBlock(g, t, middleBlocks(g, t, h, `${ENCODER}.mid`), ENCODER);
  const moments = conv(g, h, "tokenizer.quant_conv", 1); // mean, then log variance: [images, 2 C', h, w]
  const [mean] = g.split("Split", [moments], 2, { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } });
  const shape = (channels: number) => ["images", channels, t.latent_height, t.latent_width];
  g.output("latents", g.node("Mul", [mean!, g.float(t.scale)]), "float32", shape(t.latent_channels));
  if (options.expose) g.output("moments", moments, "float32", shape(2 * t.latent_channels));
  return g.encode();
}

/** Half the size: a convolution with stride 2 and padding to the right and below only. */
function downsample(g: GraphBuilder, x: Value, name: string): Value {
  return g.node("Conv", [x, weight(g, `${name}.weight`), weight(g, `${name}.bias`)], {
    attributes: { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [0, 0, 1, 1] } },
  });
}
