import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { sessionOptions } from "../../../src/engine/runtime/session-options.js";
import { CONTRIB_DOMAIN, encodeModel, type OnnxGraph, type OnnxNode } from "../../../src/model/graph/onnx.js";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import { type ReadGraph, readModel } from "../../model/graph/read-onnx.js";
import { writeRandomModel } from "../../model/random.js";
import { architectureOf, ODD_SIZES } from "../../model/shapes.js";

/**
 * On x64 without VNNI products of uint8 and int8 saturate, unless ONNX Runtime is asked for others, and it changes only
 * weights that stand in the graph that uses them. Elsewhere these tests hold whatever is asked for.
 */
const DEPTH = 64;
const OUTPUTS = 32;
const ZERO_POINT = 128;

const weights = Int8Array.from({ length: DEPTH * OUTPUTS }, (_, i) => (i % 3 === 0 ? 127 : ((i * 37) % 255) - 127));
const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const floats = (name: string, shape: readonly number[], value: number) => {
  const data = bytes(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
  return { name, type: "float32", shape, data } as const;
};
const weight = { name: "weight", type: "int8", shape: [DEPTH, OUTPUTS], data: bytes(weights) } as const;
const constants = [
  floats("one", [], 1),
  floats("scales", [OUTPUTS], 1),
  { name: "zero point", type: "uint8", shape: [], data: Uint8Array.of(ZERO_POINT) } as const,
];
const product = (name: string): OnnxNode => ({
  op: "MatMulIntegerToFloat",
  domain: CONTRIB_DOMAIN,
  name,
  inputs: ["x", "weight", "one", "scales", "zero point"],
  outputs: [name],
  attributes: {},
});

const inputs = [{ name: "x", type: "uint8", shape: ["rows", DEPTH] }] as const;
const plain: OnnxGraph = {
  name: "plain",
  inputs,
  outputs: [{ name: "y", type: "float32", shape: ["rows", OUTPUTS] }],
  initializers: [weight, ...constants],
  nodes: [product("y")],
};
const state = (name: string) => ({ name, type: "float32", shape: [1] }) as const;
const looped: OnnxGraph = {
  name: "looped",
  inputs,
  outputs: [{ name: "y", type: "float32", shape: [1, "rows", OUTPUTS] }],
  initializers: [...constants, floats("begin", [1], 0), floats("once", [1, 1], 0)],
  nodes: [
    {
      op: "Scan",
      domain: "",
      name: "scan",
      inputs: ["begin", "once"],
      outputs: ["end", "y"],
      attributes: {
        num_scan_inputs: { int: 1 },
        body: {
          graph: {
            name: "body",
            inputs: [state("before"), state("scanned")],
            outputs: [state("after"), { name: "inner", type: "float32", shape: ["rows", OUTPUTS] }],
            initializers: [weight],
            nodes: [
              product("inner"),
              { op: "Identity", domain: "", name: "keep", inputs: ["before"], outputs: ["after"], attributes: {} },
            ],
          },
        },
      },
    },
  ],
};

describe.each([
  ["of a graph", plain],
  ["of a loop's body", looped],
])("int8 products %s", (_, graph) => {
  test.each([1, 2, 7])("of the largest values are exact, of %i rows", async (rows) => {
    const session = await InferenceSession.create(encodeModel(graph), await sessionOptions({ threads: 1 }));
    const x = Uint8Array.from({ length: rows * DEPTH }, (_, i) => 255 - (i % 40));
    const { y } = await session.run({ x: new Tensor("uint8", x, [rows, DEPTH]) });
    await session.release();
    const exact = Float32Array.from({ length: rows * OUTPUTS }, (_, i) => {
      const row = Math.floor(i / OUTPUTS);
      let sum = 0;
      for (let k = 0; k < DEPTH; k++) sum += (x[row * DEPTH + k]! - ZERO_POINT) * weights[k * OUTPUTS + (i % OUTPUTS)]!;
      return sum;
    });
    expect(y!.data).toEqual(exact);
  });
});

test("every int8 weight stands in the graph that multiplies by it", async () => {
  const folder = await writeRandomModel(architectureOf(ODD_SIZES), 3, { precision: "int8" });
  const misplaced: string[] = [];
  const check = ({ nodes, initializers }: ReadGraph): number => {
    const products = nodes.filter(({ op }) => op === "MatMulIntegerToFloat");
    for (const { inputs } of products) if (!initializers.has(inputs[1]!)) misplaced.push(inputs[1]!);
    const bodies = nodes.flatMap(({ attributes }) =>
      Object.values(attributes).filter((one) => typeof one === "object"),
    );
    return products.length + bodies.reduce((sum, body) => sum + ("nodes" in body ? check(body) : 0), 0);
  };
  const counts = [MODEL_FILES.predict, MODEL_FILES.denoise].map((file) =>
    check(readModel(readFileSync(join(folder, file))).graph),
  );
  rmSync(folder, { recursive: true, force: true });
  expect(misplaced).toEqual([]);
  const { encoder, decoder, head } = architectureOf(ODD_SIZES).generator;
  expect(counts).toEqual([6 * (encoder.depth + decoder.depth), 5 * head.depth + 2]);
});
