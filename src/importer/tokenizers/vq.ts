import { sideOf, type Tensors } from "../architecture/tensor-table.js";
import {
  AUTOENCODER_MARKER,
  type AutoencoderSizes,
  autoencoderArchitecture,
  autoencoderTable,
  readAutoencoderSizes,
} from "./autoencoder-tensors.js";
import type { ImportedTokenizer, TokenizerReading } from "./tokenizer-reading.js";

const CODEBOOK = "quantize.embedding.weight";
/** The encoder gives the latent itself. */
const LATENTS = 1;

/** VQ-16 and its like (ldm/models/autoencoder.py of latent diffusion, VectorQuantizer2 of taming-transformers). */
export const vq: ImportedTokenizer = {
  marker: AUTOENCODER_MARKER,
  recognises: (tensors: Tensors) => tensors.has(CODEBOOK),
  read: (tensors: Tensors) => readingOf(readAutoencoderSizes(tensors), sideOf("tokenizer", tensors, CODEBOOK, 0, 2)),
};

function readingOf(sizes: AutoencoderSizes, codes: number): TokenizerReading {
  return {
    latentChannels: sizes.latentChannels,
    stride: sizes.stride,
    table: new Map([...autoencoderTable(sizes, LATENTS), [CODEBOOK, [codes, sizes.latentChannels]]]),
    withoutEncoder: () => readingOf({ ...sizes, encoderLevels: undefined }, codes),
    // Latent diffusion does not scale the latents of a codebook.
    architecture: (latentSide, { scale = 1 }) => ({
      kind: "vq",
      ...autoencoderArchitecture(sizes, latentSide, scale),
      codes,
    }),
  };
}
