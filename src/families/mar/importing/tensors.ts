import {
  countModules,
  sideOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
} from "../../../importer/architecture/tensor-table.js";
import { ImportError } from "../../../importer/error.js";
import type { MarArchitecture } from "../../../model/manifest.js";

const NETWORK = "generator";
const HEAD = "diffloss.net";

/** What a MAR checkpoint's shapes say. Heads, epsilon and scale are not among it. */
export interface GeneratorSizes {
  readonly tokenCount: number;
  readonly tokenChannels: number;
  readonly bufferSize: number;
  readonly classCount: number;
  readonly encoder: StackSizes;
  readonly decoder: StackSizes;
  readonly head: MarArchitecture["head"];
}

export interface StackSizes {
  readonly width: number;
  readonly depth: number;
  readonly mlpWidth: number;
}

/** Reads every size from the shapes. The tensors are checked against `generatorTable` of the sizes afterwards. */
export function readGeneratorSizes(tensors: Tensors): GeneratorSizes {
  const side = (name: string, axis: number, rank: number) => sideOf(NETWORK, tensors, name, axis, rank);
  const tokenCount = side("diffusion_pos_embed_learned", 1, 3);
  const positions = side("encoder_pos_embed_learned", 1, 3);
  if (positions <= tokenCount) {
    throw new ImportError(
      `The generator has ${positions} encoder positions for ${tokenCount} tokens; there must be more, because the buffer has positions too.`,
    );
  }
  // A head without blocks would otherwise pass for one of depth zero.
  side(`${HEAD}.res_blocks.0.in_ln.weight`, 0, 1);
  const stack = (name: string, width: number): StackSizes => ({
    width,
    depth: countModules(tensors, `${name}_blocks`),
    mlpWidth: side(`${name}_blocks.0.mlp.fc1.weight`, 0, 2),
  });
  return {
    tokenCount,
    tokenChannels: side("z_proj.weight", 1, 2),
    bufferSize: positions - tokenCount,
    classCount: side("class_emb.weight", 0, 2),
    encoder: stack("encoder", side("z_proj.weight", 0, 2)),
    decoder: stack("decoder", side("mask_token", 2, 3)),
    head: {
      width: side(`${HEAD}.input_proj.weight`, 0, 2),
      depth: countModules(tensors, `${HEAD}.res_blocks`),
      frequency_channels: side(`${HEAD}.time_embed.mlp.0.weight`, 1, 2),
    },
  };
}

/** Tables of the noise schedule that some training scripts register as buffers: the sampler computes its own. */
export function isDerivedBuffer(name: string): boolean {
  return name.startsWith("diffloss.") && !name.startsWith(`${HEAD}.`);
}

/** Every tensor of a MAR model of these sizes (models/mar.py, models/diffloss.py of the reference). */
export function generatorTable(sizes: GeneratorSizes): TensorTable {
  const t = new TableBuilder();
  const { encoder, decoder, tokenCount, tokenChannels, bufferSize } = sizes;
  t.tensor("class_emb.weight", sizes.classCount, encoder.width);
  t.tensor("fake_latent", 1, encoder.width);
  t.linear("z_proj", encoder.width, tokenChannels);
  t.norm("z_proj_ln", encoder.width);
  t.tensor("encoder_pos_embed_learned", 1, bufferSize + tokenCount, encoder.width);
  addStack(t, "encoder", encoder);
  t.linear("decoder_embed", decoder.width, encoder.width);
  t.tensor("mask_token", 1, 1, decoder.width);
  t.tensor("decoder_pos_embed_learned", 1, bufferSize + tokenCount, decoder.width);
  addStack(t, "decoder", decoder);
  t.tensor("diffusion_pos_embed_learned", 1, tokenCount, decoder.width);
  addHead(t, sizes);
  return t.table;
}

function addStack(t: TableBuilder, name: string, { width, depth, mlpWidth }: StackSizes): void {
  for (let i = 0; i < depth; i++) {
    const block = `${name}_blocks.${i}`;
    t.norm(`${block}.norm1`, width);
    t.linear(`${block}.attn.qkv`, 3 * width, width);
    t.linear(`${block}.attn.proj`, width, width);
    t.norm(`${block}.norm2`, width);
    t.linear(`${block}.mlp.fc1`, mlpWidth, width);
    t.linear(`${block}.mlp.fc2`, width, mlpWidth);
  }
  t.norm(`${name}_norm`, width);
}

function addHead(t: TableBuilder, { head, decoder, tokenChannels }: GeneratorSizes): void {
  const { width, depth } = head;
  t.linear(`${HEAD}.time_embed.mlp.0`, width, head.frequency_channels);
  t.linear(`${HEAD}.time_embed.mlp.2`, width, width);
  t.linear(`${HEAD}.cond_embed`, width, decoder.width);
  t.linear(`${HEAD}.input_proj`, width, tokenChannels);
  for (let i = 0; i < depth; i++) {
    const block = `${HEAD}.res_blocks.${i}`;
    t.norm(`${block}.in_ln`, width);
    t.linear(`${block}.mlp.0`, width, width);
    t.linear(`${block}.mlp.2`, width, width);
    t.linear(`${block}.adaLN_modulation.1`, 3 * width, width); // shift, scale, gate
  }
  t.linear(`${HEAD}.final_layer.adaLN_modulation.1`, 2 * width, width); // shift, scale
  t.linear(`${HEAD}.final_layer.linear`, 2 * tokenChannels, width); // eps, variance interpolation
}
