import type { Autoencoder } from "../tokenizer-architecture.js";
import { conv, levelBlocks, middleBlocks, outputBlock, upsample, weight } from "./autoencoder-blocks.js";
import type { GraphBuilder, Value } from "./builder.js";
import { type PixelRounding, toPixels } from "./pixels.js";
import type { GraphOptions } from "./weights.js";

const DECODER = "tokenizer.decoder";
const ENCODER = "tokenizer.encoder";

/** The input of `decode`: latents as the generator makes them. */
export function inputLatents(g: GraphBuilder, t: Autoencoder): Value {
  return g.input("latents", "float32", latentShape(t, t.latent_channels));
}

/**
 * The autoencoder's decoder with `post_quant_conv` before it (models/vae.py of MAR): unscaled latents [images, C', h, w] to the
 * output `pixels` [images, H, W, 3], uint8.
 */
export function decodeLatents(
  g: GraphBuilder,
  t: Autoencoder,
  latents: Value,
  options: GraphOptions & { readonly rounding: PixelRounding },
): void {
  const postQuant = conv(g, latents, "tokenizer.post_quant_conv", 1);
  const middle = middleBlocks(g, t, conv(g, postQuant, `${DECODER}.conv_in`, 3), `${DECODER}.mid`);
  let h = middle;
  for (const level of t.levels) {
    const name = `${DECODER}.up.${level.index}`;
    h = levelBlocks(g, t, h, name, level);
    if (level.upsample) h = upsample(g, h, `${name}.upsample.conv`);
  }
  const image = outputBlock(g, t, h, DECODER);
  g.output("pixels", toPixels(g, image, options.rounding), "uint8", ["images", t.image_height, t.image_width, 3]);
  if (options.expose) {
    g.output("image", image, "float32", ["images", 3, t.image_height, t.image_width]);
    g.output("post_quant", postQuant, "float32", latentShape(t, "inner"));
    g.output("mid", middle, "float32", latentShape(t, "channels"));
  }
}

/** Memory that the decoder's activations take for each image of a run, in bytes. */
export function decodeBytes({ image_height, image_width, levels }: Autoencoder): number {
  // Three activations of the last level, whose input is as wide as the level before it.
  const widest = Math.max(...levels.slice(-2).map((level) => level.channels));
  return 3 * Float32Array.BYTES_PER_ELEMENT * image_height * image_width * widest;
}

/** The autoencoder's encoder with `quant_conv` after it: the input `image` [images, 3, H, W] in [-1, 1] -> [images, c, h, w]. */
export function encodeImage(g: GraphBuilder, t: Autoencoder, options: GraphOptions): Value {
  const image = g.input("image", "float32", ["images", 3, t.image_height, t.image_width]);
  const levels = t.encoder_levels ?? [];
  let h = conv(g, image, `${ENCODER}.conv_in`, 3);
  for (const [i, level] of levels.entries()) {
    const name = `${ENCODER}.down.${i}`;
    h = levelBlocks(g, t, h, name, level);
    if (i < levels.length - 1) h = downsample(g, h, `${name}.downsample.conv`);
  }
  h = outputBlock(g, t, middleBlocks(g, t, h, `${ENCODER}.mid`), ENCODER);
  if (options.expose) g.output("encoder", h, "float32", latentShape(t, "inner"));
  return conv(g, h, "tokenizer.quant_conv", 1);
}

/** The shape of latents of so many channels. */
export function latentShape(t: Autoencoder, channels: number | string): (number | string)[] {
  return ["images", channels, t.latent_height, t.latent_width];
}

/** Half the size: a convolution with stride 2 and padding to the right and below only. */
function downsample(g: GraphBuilder, x: Value, name: string): Value {
  return g.node("Conv", [x, weight(g, `${name}.weight`), weight(g, `${name}.bias`)], {
    attributes: { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [0, 0, 1, 1] } },
  });
}
