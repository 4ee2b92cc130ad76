import { decodeBytes, decodeLatents, encodeImage, inputLatents, latentShape } from "../../model/graph/autoencoder.js";
import { GraphBuilder } from "../../model/graph/builder.js";
import type { KlTokenizer } from "../../model/tokenizer-architecture.js";
import type { Tokenizer } from "../tokenizer.js";

/** The KL autoencoders of latent diffusion and MAR: Rombach et al., arXiv 2112.10752. image = decode(latents / scale). */
export const kl: Tokenizer<KlTokenizer> = {
  decodeBytes,

  buildDecode(t, weights, options) {
    const g = GraphBuilder.model("decode", weights, options);
    decodeLatents(g, t, g.node("Div", [inputLatents(g, t), g.float(t.scale)]), options);
    return g.encode();
  },

  /** Latents are the mean of the posterior, times the scale. */
  buildEncode(t, weights, options) {
    const g = GraphBuilder.model("encode", weights, options);
    const moments = encodeImage(g, t, options); // mean, then log variance: [images, 2 C', h, w]
    const [mean] = g.split("Split", [moments], 2, { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } });
    const latents = g.node("Mul", [mean!, g.float(t.scale)]);
    g.output("latents", latents, "float32", latentShape(t, t.latent_channels));
    if (options.expose) g.output("moments", moments, "float32", latentShape(t, 2 * t.latent_channels));
    return g.encode();
  },
};
