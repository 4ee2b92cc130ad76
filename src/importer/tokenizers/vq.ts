import type { VqTokenizer } from "../../model/tokenizer-architecture.js";
import { sidesOf, type Tensors } from "../architecture/tensor-table.js";
import {
  AUTOENCODER_MARKER,
  type AutoencoderSizes,
  autoencoderArchitecture,
  autoencoderTable,
  isOfLoss,
  readAutoencoderSizes,
} from "./autoencoder-tensors.js";
import { isLlamaGen } from "./reference-names.js";
import type { ImportedTokenizer, TokenizerReading } from "./tokenizer-reading.js";

const CODEBOOK = "quantize.embedding.weight";
/** LlamaGen's training counts codes here. */
const USAGE = "quantize.codebook_used";
/** The encoder gives the latent itself. */
const LATENTS = 1;

/**
 * VQ-16 and its like (ldm/models/autoencoder.py of latent diffusion, VectorQuantizer2 of taming-transformers), and LlamaGen's
 * (tokenizer/tokenizer_image/vq_model.py), which l2-normalises its codes.
 */
export const vq: ImportedTokenizer = {
  marker: AUTOENCODER_MARKER,
  recognises: (tensors: Tensors) => tensors.has(CODEBOOK),
  read(tensors: Tensors) {
    const codes = sidesOf("tokenizer", tensors)(CODEBOOK, 0, 2);
    return readingOf(readAutoencoderSizes(tensors), { codes, ...(isLlamaGen(tensors) && { l2_norm: true }) });
  },
};

function readingOf(sizes: AutoencoderSizes, codebook: Pick<VqTokenizer, "codes" | "l2_norm">): TokenizerReading {
  return {
    latentChannels: sizes.latentChannels,
    stride: sizes.stride,
    table: new Map([...autoencoderTable(sizes, LATENTS), [CODEBOOK, [codebook.codes, sizes.latentChannels]]]),
    isUnused: (name) => name === USAGE || isOfLoss(name),
    withoutEncoder: () => readingOf({ ...sizes, encoderLevels: undefined }, codebook),
    // Latent diffusion and LlamaGen do not scale the latents of a codebook.
    architecture: (latentSide, { scale = 1 }) => ({
      kind: "vq",
      ...autoencoderArchitecture(sizes, latentSide, scale),
      ...codebook,
    }),
  };
}
