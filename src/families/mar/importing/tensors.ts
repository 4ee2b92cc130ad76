import { sidesOf, TableBuilder, type Tensors, type TensorTable } from "../../../importer/architecture/tensor-table.js";
import { ImportError } from "../../../importer/error.js";
import {
  addHead,
  addInputs,
  addStack,
  type HeadSizes,
  readHead,
  readStack,
  type StackSizes,
} from "../../heads/importing.js";

/** What a MAR checkpoint's shapes say. Heads, epsilon and scale are not among it. */
export type GeneratorSizes = HeadSizes & {
  readonly tokenCount: number;
  readonly bufferSize: number;
  readonly classCount: number;
  readonly encoder: StackSizes;
  readonly decoder: StackSizes;
};

/** Reads every size from the shapes. The tensors are checked against `generatorTable` of the sizes afterwards. */
export function readGeneratorSizes(tensors: Tensors): GeneratorSizes {
  const side = sidesOf("generator", tensors);
  const tokenCount = side("diffusion_pos_embed_learned", 1, 3);
  const positions = side("encoder_pos_embed_learned", 1, 3);
  if (positions <= tokenCount) {
    throw new ImportError(
      `The generator has ${positions} encoder positions for ${tokenCount} tokens; there must be more, because the buffer has positions too.`,
    );
  }
  return {
    tokenCount,
    bufferSize: positions - tokenCount,
    classCount: side("class_emb.weight", 0, 2),
    encoder: readStack(tensors, "encoder", side("encoder_pos_embed_learned", 2, 3)),
    decoder: readStack(tensors, "decoder", side("mask_token", 2, 3)),
    ...readHead(tensors),
  };
}

/** Tables of the noise schedule that some training scripts register as buffers: the sampler computes its own. */
export function isDerivedBuffer(name: string): boolean {
  return /^diffloss\.(?!net\.|logits\.)/.test(name);
}

/** Every tensor of a MAR model of these sizes (models/mar.py, models/diffloss.py of the reference). */
export function generatorTable(sizes: GeneratorSizes): TensorTable {
  const t = new TableBuilder();
  const { encoder, decoder, tokenCount, bufferSize } = sizes;
  addInputs(t, sizes, sizes.classCount, encoder.width);
  t.tensor("encoder_pos_embed_learned", 1, bufferSize + tokenCount, encoder.width);
  addStack(t, "encoder", encoder);
  t.linear("decoder_embed", decoder.width, encoder.width);
  t.tensor("mask_token", 1, 1, decoder.width);
  t.tensor("decoder_pos_embed_learned", 1, bufferSize + tokenCount, decoder.width);
  addStack(t, "decoder", decoder);
  t.tensor("diffusion_pos_embed_learned", 1, tokenCount, decoder.width);
  addHead(t, sizes, decoder.width);
  return t.table;
}
