import type { Tensors } from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";
import {
  AUTOENCODER_MARKER,
  type AutoencoderSizes,
  autoencoderArchitecture,
  autoencoderTable,
  isOfLoss,
  readAutoencoderSizes,
} from "./autoencoder-tensors.js";
import type { ImportedTokenizer, TokenizerReading } from "./tokenizer-reading.js";

/** The published KL autoencoders: image = decode(latent / scale). */
const PUBLISHED = [
  { latentChannels: 16, stride: 16, scale: 0.2325 }, // MAR's KL-16
  { latentChannels: 4, stride: 8, scale: 0.18215 }, // latent diffusion's KL-8
] as const;
/** The encoder gives a mean and a log variance for each number of the latent. */
const MOMENTS = 2;

/** KL-16 and KL-8 (models/vae.py of MAR, ldm/models/autoencoder.py of latent diffusion). */
export const kl: ImportedTokenizer = {
  marker: AUTOENCODER_MARKER,
  // Codebooks of other kinds have the same autoencoder.
  recognises: (tensors: Tensors) =>
    tensors.has(AUTOENCODER_MARKER) && ![...tensors.keys()].some((name) => name.startsWith("quantize.")),
  read: (tensors: Tensors) => readingOf(readAutoencoderSizes(tensors)),
};

function readingOf(sizes: AutoencoderSizes): TokenizerReading {
  return {
    latentChannels: sizes.latentChannels,
    stride: sizes.stride,
    table: autoencoderTable(sizes, MOMENTS),
    isUnused: isOfLoss,
    withoutEncoder: () => readingOf({ ...sizes, encoderLevels: undefined }),
    architecture: (latentSide, { scale = publishedScale(sizes) }) => ({
      kind: "kl",
      ...autoencoderArchitecture(sizes, latentSide, scale),
    }),
  };
}

/** The scale of the published autoencoder that has these sizes. No tensor states it. */
function publishedScale({ latentChannels, stride }: AutoencoderSizes): number {
  const published = PUBLISHED.find((one) => one.latentChannels === latentChannels && one.stride === stride);
  if (published) return published.scale;
  throw new ImportError(
    `A tokenizer of ${latentChannels} latent channels and stride ${stride} is not a published one, and no tensor states its scale: state it with --arch config.json.`,
  );
}
