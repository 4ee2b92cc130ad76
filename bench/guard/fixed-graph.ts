import { InferenceSession, Tensor } from "onnxruntime-node";
import { GraphBuilder, type Value } from "../../src/model/graph/builder.js";
import { CONTRIB_DOMAIN } from "../../src/model/graph/onnx.js";
import type { Work } from "./parts/part.js";

/** The engine's yardstick, on one thread. */
export async function openFixedGraph(): Promise<Work> {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const;
  const session = await InferenceSession.create(fixedGraph(), options);
  const inputs = Object.fromEntries(
    Object.entries(INPUTS).map(([name, shape]) => [name, new Tensor("float32", waves(sizeOf(shape)), shape)]),
  );
  return { image: () => session.run(inputs) };
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size);

const WIDTH = 192;
const MLP_WIDTH = 768;
const HEADS = 6;
const HEAD_WIDTH = 256;
const CHANNELS = 64;

/** Sequences of the transformer, tokens of the diffusion head, and a feature map of the decoder. */
const INPUTS = {
  rows: [8, 72, WIDTH],
  tokens: [32, HEAD_WIDTH],
  map: [1, CHANNELS, 32, 32],
} as const satisfies Record<string, readonly number[]>;

/** Blocks of each; their times are to each other as in the demo model. */
const TRANSFORMER_BLOCKS = 2;
const HEAD_BLOCKS = 24;
const DECODER_BLOCKS = 1;

/**
 * The operators that take an engine's time, at the demo model's sizes: the kernels are the same on both sides, so that the
 * ratio depends little on what the CPU is good at. No building block of src/ is used, which a change may make slower.
 */
function fixedGraph(): Uint8Array {
  const g = GraphBuilder.model("yardstick", new Map());
  const ends = [transformer(g), head(g), decoder(g)];
  for (const [i, name] of Object.keys(INPUTS).entries()) g.output(`${name}_out`, ends[i]!, "float32", []);
  return g.encode();
}

/** Numbers around 0 that are no constants to ONNX Runtime. */
function waves(length: number, scale = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => scale * Math.sin(1 + i));
}

function weight(g: GraphBuilder, label: string, shape: readonly number[]): Value {
  const values = g.floats(label, waves(sizeOf(shape), 0.05));
  return shape.length === 1 ? values : g.node("Reshape", [values, g.ints(shape)]);
}

function linear(g: GraphBuilder, x: Value, label: string, from: number, to: number): Value {
  const product = g.node("MatMul", [x, weight(g, `${label}.weight`, [from, to])]);
  return g.node("Add", [product, weight(g, `${label}.bias`, [to])]);
}

function norm(g: GraphBuilder, x: Value, label: string, width: number): Value {
  return g.node("LayerNormalization", [x, weight(g, `${label}.scale`, [width]), weight(g, `${label}.bias`, [width])]);
}

function transformer(g: GraphBuilder): Value {
  let x = g.input("rows", "float32", INPUTS.rows);
  for (let block = 0; block < TRANSFORMER_BLOCKS; block++) {
    const normed = norm(g, x, `norm1.${block}`, WIDTH);
    const projected = ["q", "k", "v"].map((name) => linear(g, normed, `${name}.${block}`, WIDTH, WIDTH));
    const attributes = { num_heads: { int: HEADS } };
    const mixed = g.node("MultiHeadAttention", projected, { attributes, domain: CONTRIB_DOMAIN });
    x = g.node("Add", [x, linear(g, mixed, `proj.${block}`, WIDTH, WIDTH)]);
    const wide = linear(g, norm(g, x, `norm2.${block}`, WIDTH), `fc1.${block}`, WIDTH, MLP_WIDTH);
    x = g.node("Add", [x, linear(g, g.node("Gelu", [wide]), `fc2.${block}`, MLP_WIDTH, WIDTH)]);
  }
  return x;
}

function head(g: GraphBuilder): Value {
  let x = g.input("tokens", "float32", INPUTS.tokens);
  for (let block = 0; block < HEAD_BLOCKS; block++) {
    const scaled = g.node("Mul", [norm(g, x, "head.norm", HEAD_WIDTH), weight(g, "head.scale", [HEAD_WIDTH])]);
    const hidden = linear(g, scaled, `head.fc1.${block % 3}`, HEAD_WIDTH, HEAD_WIDTH);
    const active = g.node("Mul", [hidden, g.node("Sigmoid", [hidden])]);
    x = g.node("Add", [x, linear(g, active, `head.fc2.${block % 3}`, HEAD_WIDTH, HEAD_WIDTH)]);
  }
  return x;
}

function decoder(g: GraphBuilder): Value {
  let x = g.input("map", "float32", INPUTS.map);
  for (let block = 0; block < DECODER_BLOCKS; block++) {
    const active = g.node("Mul", [x, g.node("Sigmoid", [x])]);
    const pads = { pads: { ints: [1, 1, 1, 1] } };
    const kernel = weight(g, `conv.${block}`, [CHANNELS, CHANNELS, 3, 3]);
    x = g.node("Add", [x, g.node("Conv", [active, kernel], { attributes: pads })]);
  }
  return x;
}
