import { closeSync, mkdtempSync, openSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGraphs } from "../../src/families/families.js";
import { encodingOf } from "../../src/importer/weights/weight-encoding.js";
import type { GraphOptions, WeightLocation } from "../../src/model/graph/weights.js";
import { type MarArchitecture, MODEL_FILES, type Precision } from "../../src/model/manifest.js";
import type { KlTokenizer } from "../../src/model/tokenizer-architecture.js";
import type { MarOnKl } from "./shapes.js";

/** A generator of uniform numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Roughly normal numbers: three uniforms, centred, of unit variance. */
export function normals(length: number, seed: number): Float32Array {
  const draw = uniform(seed);
  return Float32Array.from({ length }, () => 2 * (draw() + draw() + draw()) - 3);
}

type Shapes = Map<string, readonly number[]>;

function linear(shapes: Shapes, name: string, out: number, into: number): void {
  shapes.set(`${name}.weight`, [out, into]).set(`${name}.bias`, [out]);
}

function norm(shapes: Shapes, name: string, width: number): void {
  shapes.set(`${name}.weight`, [width]).set(`${name}.bias`, [width]);
}

function conv(shapes: Shapes, name: string, out: number, into: number, kernel: number): void {
  shapes.set(`${name}.weight`, [out, into, kernel, kernel]).set(`${name}.bias`, [out]);
}

/** Names and shapes of a generator's tensors as a MAR checkpoint has them. */
export function generatorShapes(a: MarArchitecture): Shapes {
  const shapes: Shapes = new Map();
  const sequence = a.buffer_size + a.token_count;
  shapes.set("class_emb.weight", [a.class_count, a.encoder.width]).set("fake_latent", [1, a.encoder.width]);
  shapes.set("mask_token", [1, 1, a.decoder.width]);
  linear(shapes, "z_proj", a.encoder.width, a.token_channels);
  norm(shapes, "z_proj_ln", a.encoder.width);
  linear(shapes, "decoder_embed", a.decoder.width, a.encoder.width);
  shapes.set("diffusion_pos_embed_learned", [1, a.token_count, a.decoder.width]);
  for (const side of ["encoder", "decoder"] as const) {
    const { width, depth, mlp_width: hidden } = a[side];
    shapes.set(`${side}_pos_embed_learned`, [1, sequence, width]);
    norm(shapes, `${side}_norm`, width);
    for (let i = 0; i < depth; i++) {
      const block = `${side}_blocks.${i}`;
      norm(shapes, `${block}.norm1`, width);
      norm(shapes, `${block}.norm2`, width);
      linear(shapes, `${block}.attn.qkv`, 3 * width, width);
      linear(shapes, `${block}.attn.proj`, width, width);
      linear(shapes, `${block}.mlp.fc1`, hidden, width);
      linear(shapes, `${block}.mlp.fc2`, width, hidden);
    }
  }
  headShapes(shapes, a);
  return shapes;
}

function headShapes(shapes: Shapes, a: MarArchitecture): void {
  const net = "diffloss.net";
  const { width, depth, frequency_channels: frequencies } = a.head;
  linear(shapes, `${net}.time_embed.mlp.0`, width, frequencies);
  linear(shapes, `${net}.time_embed.mlp.2`, width, width);
  linear(shapes, `${net}.cond_embed`, width, a.decoder.width);
  linear(shapes, `${net}.input_proj`, width, a.token_channels);
  for (let i = 0; i < depth; i++) {
    const block = `${net}.res_blocks.${i}`;
    norm(shapes, `${block}.in_ln`, width);
    linear(shapes, `${block}.mlp.0`, width, width);
    linear(shapes, `${block}.mlp.2`, width, width);
    linear(shapes, `${block}.adaLN_modulation.1`, 3 * width, width);
  }
  linear(shapes, `${net}.final_layer.adaLN_modulation.1`, 2 * width, width);
  linear(shapes, `${net}.final_layer.linear`, 2 * a.token_channels, width);
}

/** Names and shapes of a tokenizer's decoder, without the prefix. */
export function tokenizerShapes(t: KlTokenizer): Shapes {
  const shapes: Shapes = new Map();
  const first = (t.levels[0] as { channels: number }).channels;
  const residual = (name: string, into: number, out: number) => {
    norm(shapes, `${name}.norm1`, into);
    conv(shapes, `${name}.conv1`, out, into, 3);
    norm(shapes, `${name}.norm2`, out);
    conv(shapes, `${name}.conv2`, out, out, 3);
    if (into !== out) conv(shapes, `${name}.nin_shortcut`, out, into, 1);
  };
  const attention = (name: string, channels: number) => {
    norm(shapes, `${name}.norm`, channels);
    for (const part of ["q", "k", "v", "proj_out"]) conv(shapes, `${name}.${part}`, channels, channels, 1);
  };
  conv(shapes, "post_quant_conv", t.latent_channels, t.latent_channels, 1);
  conv(shapes, "decoder.conv_in", first, t.latent_channels, 3);
  residual("decoder.mid.block_1", first, first);
  attention("decoder.mid.attn_1", first);
  residual("decoder.mid.block_2", first, first);
  let channels = first;
  for (const level of t.levels) {
    for (let i = 0; i < level.blocks; i++) {
      residual(`decoder.up.${level.index}.block.${i}`, channels, level.channels);
      channels = level.channels;
      if (level.attention) attention(`decoder.up.${level.index}.attn.${i}`, channels);
    }
    if (level.upsample) conv(shapes, `decoder.up.${level.index}.upsample.conv`, channels, channels, 3);
  }
  norm(shapes, "decoder.norm_out", channels);
  conv(shapes, "decoder.conv_out", 3, channels, 3);
  return shapes;
}

/** Random weights that keep activations near unit variance: no layer hides another's mistakes. */
function fill(shape: readonly number[], name: string, seed: number): Float32Array {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = normals(length, seed);
  const fanIn = shape.length > 1 ? length / (shape[0] as number) : 1;
  const isNormScale = shape.length === 1 && name.endsWith(".weight");
  const scale = name.endsWith(".weight") && shape.length > 1 ? fanIn ** -0.5 : 0.3;
  for (let i = 0; i < length; i++) values[i] = values[i]! * scale + (isNormScale ? 1 : 0);
  return values;
}

/**
 * Writes a model of random weights into a temporary folder, stored as the importer stores them: the graphs over one
 * weights.bin. Returns its path.
 */
export async function writeRandomModel(
  architecture: MarOnKl,
  seed: number,
  { precision = "fp32", ...options }: GraphOptions & { readonly precision?: Precision } = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "marimba-random-"));
  const shapes = generatorShapes(architecture.generator);
  for (const [name, shape] of tokenizerShapes(architecture.tokenizer)) shapes.set(`tokenizer.${name}`, shape);
  const weights = new Map<string, WeightLocation>();
  const file = openSync(join(folder, MODEL_FILES.weights), "wx");
  let offset = 0;
  let tensors = 0;
  for (const [name, shape] of shapes) {
    const storage = encodingOf(name, shape, precision);
    for (const part of storage.parts) {
      weights.set(part.name, { location: MODEL_FILES.weights, offset, ...part });
      offset += part.byteLength;
    }
    const values = fill(shape, name, seed + tensors++);
    for await (const { bytes } of storage.convert(once(values))) writeSync(file, bytes);
  }
  closeSync(file);
  const graphs = buildGraphs(architecture, weights, options);
  for (const kind of ["predict", "denoise", "decode"] as const) {
    writeFileSync(join(folder, MODEL_FILES[kind]), graphs[kind]!);
  }
  return folder;
}

async function* once(values: Float32Array): AsyncGenerator<Float32Array> {
  yield values;
}
