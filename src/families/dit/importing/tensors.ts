import {
  classesOf,
  countModules,
  sidesOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
} from "../../../importer/architecture/tensor-table.js";

/** A tensor that every DiT and every SiT has, and no MAR model. */
export const DIT_MARKER = "y_embedder.embedding_table.weight";

/** What a DiT's or a SiT's shapes say. */
export interface DitSizes {
  readonly width: number;
  readonly depth: number;
  readonly mlpWidth: number;
  readonly latentChannels: number;
  readonly patchSize: number;
  readonly tokenCount: number;
  readonly classCount: number;
  readonly frequencyChannels: number;
  /** Whether the last layer has two numbers for each of the latent's. */
  readonly learnSigma: boolean;
}

export function readDitSizes(tensors: Tensors): DitSizes {
  const side = sidesOf("generator", tensors);
  const latentChannels = side("x_embedder.proj.weight", 1, 4);
  const patchSize = side("x_embedder.proj.weight", 2, 4);
  return {
    width: side("x_embedder.proj.weight", 0, 4),
    depth: countModules(tensors, "blocks"),
    mlpWidth: side("blocks.0.mlp.fc1.weight", 0, 2),
    latentChannels,
    patchSize,
    tokenCount: side("pos_embed", 1, 3),
    classCount: classesOf(tensors, DIT_MARKER),
    frequencyChannels: side("t_embedder.mlp.0.weight", 1, 2),
    learnSigma: side("final_layer.linear.weight", 0, 2) !== latentChannels * patchSize ** 2,
  };
}

/** Every tensor of a DiT or a SiT of these sizes (models.py of the official code). Its norms have none. */
export function ditTable(sizes: DitSizes): TensorTable {
  const { width, mlpWidth, latentChannels, patchSize, learnSigma } = sizes;
  const t = new TableBuilder();
  t.tensor("pos_embed", 1, sizes.tokenCount, width);
  t.tensor("x_embedder.proj.weight", width, latentChannels, patchSize, patchSize);
  t.tensor("x_embedder.proj.bias", width);
  t.linear("t_embedder.mlp.0", width, sizes.frequencyChannels);
  t.linear("t_embedder.mlp.2", width, width);
  t.tensor(DIT_MARKER, sizes.classCount + 1, width);
  for (let i = 0; i < sizes.depth; i++) {
    const block = `blocks.${i}`;
    t.linear(`${block}.attn.qkv`, 3 * width, width);
    t.linear(`${block}.attn.proj`, width, width);
    t.linear(`${block}.mlp.fc1`, mlpWidth, width);
    t.linear(`${block}.mlp.fc2`, width, mlpWidth);
    t.linear(`${block}.adaLN_modulation.1`, 6 * width, width); // shift, scale, gate of attention, then of the MLP
  }
  t.linear("final_layer.adaLN_modulation.1", 2 * width, width); // shift, scale
  // eps, variance interpolation; velocity and, with learn_sigma, as much that nothing uses
  t.linear("final_layer.linear", (learnSigma ? 2 : 1) * latentChannels * patchSize ** 2, width);
  return t.table;
}
