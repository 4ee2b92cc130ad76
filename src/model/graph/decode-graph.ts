import type { TokenizerArchitecture } from "../manifest.js";
import { conv, levelBlocks, middleBlocks, outputBlock } from "./autoencoder-blocks.js";
import { GraphBuilder, type Value } from "./builder.js";
import type { GraphOptions, WeightIndex } from "./weights.js";

const DECODER = "tokenizer.decoder";

/**
 * `decode`: latents [images, C', h, w] -> pixels [images, H, W, 3], uint8: the KL autoencoder's decoder of the
 * reference (models/vae.py), then round-half-even of clip(255 (x + 1) / 2, 0, 255).
 */
export function buildDecode(t: TokenizerArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("decode", weights);
  const latents = g.input("latents", "float32", ["images", t.latent_channels, t.latent_height, t.latent_width]);
  const scaled = g.node("Div", [latents, g.float(t.scale)]);
  let h = conv(g, conv(g, scaled, "tokenizer.post_quant_conv", 1), `${DECODER}.conv_in`, 3);
  h = middleBlocks(g, t, h, `${DECODER}.mid`);
  for (const level of t.levels) {
    const name = `${DECODER}.up.${level.index}`;
    h = levelBlocks(g, t, h, name, level);
    if (level.upsample) h = upsample(g, h, `${name}.upsample.conv`);
  }
  const image = outputBlock(g, t, h, DECODER);
  g.output("pixels", toPixels(g, image), "uint8", ["images", t.image_height, t.image_width, 3]);
  if (options.expose) g.output("image", image, "float32", ["images", 3, t.image_height, t.image_width]);
  return g.encode();
}

/** Nearest neighbour, twice the size, then a convolution. */
function upsample(g: GraphBuilder, x: Value, name: string): Value {
  const attributes = {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  };
  const larger = g.node("Resize", [x, "", g.floats("scales 1,1,2,2", Float32Array.of(1, 1, 2, 2))], { attributes });
  return conv(g, larger, name, 3);
}

/** [images, 3, H, W] in [-1, 1] -> [images, H, W, 3], 0 to 255; ONNX's Round takes halves to even. */
function toPixels(g: GraphBuilder, image: Value): Value {
  const scaled = g.node("Mul", [g.node("Add", [image, g.float(1)]), g.float(127.5)]);
  const rounded = g.node("Round", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);
  const bytes = g.node("Cast", [rounded], { attributes: { to: { int: 2 } } });
  return g.node("Transpose", [bytes], { attributes: { perm: { ints: [0, 2, 3, 1] } } });
}
