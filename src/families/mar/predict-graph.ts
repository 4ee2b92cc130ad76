import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { linear, RowZeroPoints } from "../../model/graph/linear.js";
import { ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { affineLayerNorm, concat, gather, reshape, sizes, toFloat32 } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import { embedTokens, everyClass, INPUT_NORM_EPS, outputOf } from "../heads/tokens.js";
import { afterAttention, attention, blocks, type Queries, type Stack } from "./transformer.js";

interface Inputs {
  readonly tokens: Value; // [rows, known, C]
  readonly positions: Value; // [rows, known]
  readonly knownCounts: Value; // [rows]
  readonly classes: Value; // [rows]
  readonly placement: Value; // [rows, L]
  readonly targets: Value; // [rows, targets]
}

/** Sequences and tokens of the encoder's padded input, as graph values. */
interface Known {
  readonly sequences: Value; // [1]
  readonly tokens: Value; // [1], buffer + known
  readonly layout: Value; // [2], both
}

/**
 * `predict`: known tokens of each row, their positions and class -> z at the positions asked for, or logits over the codes.
 * Inputs and outputs are those of `PredictBatch` and `PredictResult`. Rows are padded to one number of known tokens;
 * padded keys get no attention weight, so a row's z is that of the row alone (MAR.forward_mae_encoder and
 * forward_mae_decoder of the reference).
 */
export function buildPredict(a: AnyMarArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("predict", weights, options);
  const inputs = declareInputs(g, a);
  const known = knownLayout(g, a, inputs);
  const encoded = encode(g, a, known, embed(g, a, inputs), inputs);
  const placed = place(g, a, known, encoded, inputs);
  const stack = decoderStack(g, a, known, placed);
  const last = stack.depth - 1;
  const before = blocks(g, placed, stack, last);
  // Of the last block, only the rows of the targets are needed.
  const queries = targetQueries(g, a, known, inputs);
  const mixed = attention(g, before, stack, last, queries);
  const hidden = afterAttention(g, gather(g, before, queries.index), mixed, stack, last, queries.zeroPoints);
  const position = reshape(g, inputs.targets, g.ints([-1]));
  const z = finish(g, a, hidden, gather(g, tokenPositions(g, a), position));
  const { name, value, width } = outputOf(g, a, z, queries.zeroPoints);
  const shape = concat(g, [queries.layout, g.ints([width])], 0);
  g.output(name, reshape(g, toFloat32(g, value), shape), "float32", ["rows", "targets", width]);

  if (options.expose) {
    const encoder = reshape(g, encoded, concat(g, [known.layout, g.ints([a.encoder.width])], 0));
    g.output("encoder", toFloat32(g, encoder), "float32", ["rows", "encoded", a.encoder.width]);
    const everywhere = afterAttention(g, before, attention(g, before, stack, last), stack, last);
    const decoder = everyPosition(g, a, everywhere, stack.layout);
    g.output("decoder", toFloat32(g, decoder), "float32", ["rows", a.token_count, a.decoder.width]);
  }
  return g.encode();
}

function declareInputs(g: GraphBuilder, a: AnyMarArchitecture): Inputs {
  return {
    tokens: g.input("tokens", "float32", ["rows", "known", a.token_channels]),
    positions: g.input("positions", "int64", ["rows", "known"]),
    knownCounts: g.input("known_counts", "int64", ["rows"]),
    classes: g.input("classes", "int64", ["rows"]),
    placement: g.input("placement", "int64", ["rows", a.token_count]),
    targets: g.input("targets", "int64", ["rows", "targets"]),
  };
}

function knownLayout(g: GraphBuilder, a: AnyMarArchitecture, { positions }: Inputs): Known {
  const sequences = sizes(g, positions, 0, 1);
  const tokens = g.node("Add", [sizes(g, positions, 1, 2), g.ints([a.buffer_size])]);
  return { sequences, tokens, layout: concat(g, [sequences, tokens], 0) };
}

/** Buffer tokens (the class embedding, repeated) and known tokens, each with its position. -> [rows * tokens, width] */
function embed(g: GraphBuilder, a: AnyMarArchitecture, { tokens, positions, classes }: Inputs): Value {
  const { width } = a.encoder;
  const flat = g.node("Flatten", [tokens], { attributes: { axis: { int: 2 } } }); // [rows * known, C]
  const knownShape = concat(g, [g.node("Shape", [positions]), g.ints([width])], 0);
  const embedded = reshape(g, embedTokens(g, a, flat), knownShape); // [rows, known, width]

  const table = reshape(g, g.weight("encoder_pos_embed_learned"), g.ints([a.buffer_size + a.token_count, width]));
  const [bufferPositions, tokenPositions] = g.split("Split", [table, g.ints([a.buffer_size, a.token_count])], 2, {
    attributes: { axis: { int: 0 } },
  }) as [Value, Value];
  const knownTokens = g.node("Add", [embedded, gather(g, tokenPositions, positions)]); // [rows, known, width]

  const classRows = g.node("Unsqueeze", [gather(g, everyClass(g), classes), g.ints([1])]); // [rows, 1, width]
  const buffer = g.node("Add", [classRows, bufferPositions]); // [rows, buffer, width]

  const sequence = reshape(g, concat(g, [buffer, knownTokens], 1), g.ints([-1, width]));
  return affineLayerNorm(g, sequence, "z_proj_ln", INPUT_NORM_EPS);
}

/** The encoder stack over buffer and known tokens. [rows * tokens, width] -> the same */
function encode(g: GraphBuilder, a: AnyMarArchitecture, known: Known, x: Value, { knownCounts }: Inputs): Value {
  const counts = g.node("Add", [knownCounts, g.ints([a.buffer_size])]);
  const keyCounts = g.node("Cast", [counts], { attributes: { to: { int: ELEMENT_TYPES.int32 } } }); // [rows]
  const { layout } = known;
  const stack = {
    prefix: "encoder",
    ...a.encoder,
    normEps: a.norm_eps,
    layout,
    zeroPoints: new RowZeroPoints(g, x),
    keyCounts,
  } as const;
  return affineLayerNorm(g, blocks(g, x, stack, stack.depth), "encoder_norm", a.norm_eps);
}

/**
 * The decoder's input: buffer, then every position's encoded token or the mask token, by one Gather.
 * [rows * tokens, encoder width] -> [rows * (buffer + L), decoder width]
 */
function place(g: GraphBuilder, a: AnyMarArchitecture, known: Known, encoded: Value, { placement }: Inputs): Value {
  const { width } = a.decoder;
  const maskToken = reshape(g, g.weight("mask_token"), g.ints([1, width]));
  const source = concat(g, [linear(g, encoded, "decoder_embed", new RowZeroPoints(g, encoded)), maskToken], 0); // [rows * tokens + 1, width]

  const bufferIndex = g.ints(Array.from({ length: a.buffer_size }, (_, i) => i));
  const bufferRows = g.node("Expand", [bufferIndex, concat(g, [known.sequences, g.ints([a.buffer_size])], 0)]);
  const local = concat(g, [bufferRows, g.node("Add", [placement, g.ints([a.buffer_size])])], 1); // [rows, buffer + L]
  const rowCount = g.node("Mul", [known.sequences, known.tokens]);
  const starts = g.node("Range", [g.int(0), g.node("Squeeze", [rowCount]), g.node("Squeeze", [known.tokens])]);
  const global = g.node("Add", [local, g.node("Unsqueeze", [starts, g.ints([1])])]);
  // A masked position's index is the row's number of tokens: it takes the one row after all sequences.
  const index = g.node("Where", [g.node("Equal", [local, known.tokens]), rowCount, global]);
  const placed = g.node("Add", [gather(g, source, index), g.weight("decoder_pos_embed_learned")]);
  return reshape(g, placed, g.ints([-1, width]));
}

/** `x` is the decoder's input. */
function decoderStack(g: GraphBuilder, a: AnyMarArchitecture, known: Known, x: Value): Stack {
  const layout = concat(g, [known.sequences, g.ints([a.buffer_size + a.token_count])], 0);
  return { prefix: "decoder", ...a.decoder, normEps: a.norm_eps, layout, zeroPoints: new RowZeroPoints(g, x) };
}

/** The targets as rows of the decoder's flat sequences: row * (buffer + L) + buffer + position. */
function targetQueries(g: GraphBuilder, a: AnyMarArchitecture, known: Known, { targets }: Inputs): Queries {
  const length = g.int(a.buffer_size + a.token_count);
  const rowCount = g.node("Mul", [g.node("Squeeze", [known.sequences]), length]);
  const starts = g.node("Range", [g.int(a.buffer_size), g.node("Add", [rowCount, g.int(a.buffer_size)]), length]);
  const index = g.node("Add", [targets, g.node("Unsqueeze", [starts, g.ints([1])])]);
  const flat = reshape(g, index, g.ints([-1]));
  return { index: flat, layout: g.node("Shape", [targets]), zeroPoints: new RowZeroPoints(g, flat) };
}

/** [L, D] */
function tokenPositions(g: GraphBuilder, a: AnyMarArchitecture): Value {
  return reshape(g, g.weight("diffusion_pos_embed_learned"), g.ints([a.token_count, a.decoder.width]));
}

/** The decoder's norm and the position embedding that the diffusion head sees. */
function finish(g: GraphBuilder, a: AnyMarArchitecture, x: Value, positions: Value): Value {
  return g.node("Add", [affineLayerNorm(g, x, "decoder_norm", a.norm_eps), positions]);
}

/** Decoder output at all positions, without the buffer. [rows * (buffer + L), D] -> [rows, L, D] */
function everyPosition(g: GraphBuilder, a: AnyMarArchitecture, x: Value, layout: Value): Value {
  const sequences = reshape(g, x, concat(g, [layout, g.ints([a.decoder.width])], 0));
  const end = a.buffer_size + a.token_count;
  const tokens = g.node("Slice", [sequences, g.ints([a.buffer_size]), g.ints([end]), g.ints([1])]);
  return finish(g, a, tokens, g.weight("diffusion_pos_embed_learned"));
}
