import { expect, test } from "vitest";
import { toFloat32 } from "../../../src/importer/checkpoint/float32.js";
import { toFloat16 } from "../../../src/importer/weights/float16.js";
import { Quantizer } from "../../../src/importer/weights/quantize.js";
import { encodingOf, type WeightEncoding } from "../../../src/importer/weights/weight-encoding.js";
import { makeFloatMemory } from "../../../src/model/files/floats.js";
import { scalesOf } from "../../../src/model/graph/weights.js";
import { normals } from "../../model/random.js";

const FC1 = "encoder_blocks.0.mlp.fc1.weight";

async function* inChunks(values: Float32Array, size: number): AsyncGenerator<Float32Array> {
  for (let start = 0; start < values.length; start += size) yield values.slice(start, start + size);
}

/** The bytes of every part, put together. */
async function converted(encoding: WeightEncoding, values: Float32Array, chunk: number): Promise<Buffer[]> {
  const parts: Buffer[][] = encoding.parts.map(() => []);
  let last = 0;
  for await (const { part, bytes } of encoding.convert(inChunks(values, chunk))) {
    expect(part).toBeGreaterThanOrEqual(last);
    last = part;
    parts[part]!.push(Buffer.from(bytes));
  }
  const whole = parts.map((pieces) => Buffer.concat(pieces));
  expect(whole.map(({ byteLength }) => byteLength)).toEqual(encoding.parts.map(({ byteLength }) => byteLength));
  return whole;
}

test("float16 is kept of an autoencoder alone, in every precision", () => {
  for (const precision of ["fp32", "int8"] as const) {
    const type = (name: string) => encodingOf(name, [16, 16, 3, 3], precision, undefined, "F16").parts[0]!.type;
    for (const name of ["encoder.conv_in.weight", "quant_conv.weight", "decoder.up.0.block.0.conv1.weight"])
      expect(type(`tokenizer.${name}`)).toBe("float16");
    for (const name of ["tokenizer.quantize.embedding.weight", "encoder_norm.weight"])
      expect(type(name)).toBe("float32");
  }
});

test("float16 rounds to nearest, halves to even, and is exact where it can be", () => {
  const half = (value: number) => toFloat16(Float32Array.of(value))[0];
  const every = Uint16Array.from({ length: 65_536 }, (_, i) => i).filter((bits) => (bits & 0x7c00) !== 0x7c00);
  const floats = new Float32Array(every.length);
  toFloat32("F16", new Uint8Array(every.buffer), floats);
  expect(toFloat16(floats)).toEqual(every);
  // Half way between two neighbours, and a float32 step to either side.
  for (const [even, odd] of [
    [0x3c00, 0x3c01],
    [0x0002, 0x0001],
    [0x0400, 0x03ff],
    [0x7400, 0x73ff],
  ] as const) {
    const [a, b] = [even, odd].map((bits) => floats[every.indexOf(bits)]!) as [number, number];
    const middle = (a + b) / 2;
    expect(half(middle)).toBe(even);
    expect(half(middle + (b - a) * 2 ** -10)).toBe(odd);
    expect(half(-middle)).toBe(0x8000 | even);
  }
  expect([65_519, 65_520, Number.POSITIVE_INFINITY, -1e9].map(half)).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00]);
  expect([2 ** -25, 2 ** -25 * 1.001, 2 ** -26, -(2 ** -40)].map(half)).toEqual([0, 1, 0, 0x8000]);
  expect(half(Number.NaN)! & 0x7fff).toBeGreaterThan(0x7c00);
});

/** One output's weights by the formula, one after another: round(weight / scale + 128) - 128, halves up. */
function quantizedPlainly(row: Float32Array): { scale: number; values: number[] } {
  const scale = Math.fround(Math.max(...row.map(Math.abs)) / 127);
  if (scale < 2 ** -126) return { scale: 0, values: Array.from(row, () => 0) };
  return { scale, values: Array.from(row, (weight) => Math.floor(weight * (1 / scale) + 128.5) - 128) };
}

const TIES = [127, -127, 0.5, -0.5, 1.5, -1.5, 63.5, -126.5, 126.5, -0, 0, 1]; // of the scale 1

// Sixteen outputs are quantised at once where their number allows it.
test.each([160, 150].flatMap((outputs) => [1, 7, 12, 50, 5000].map((chunk) => [outputs, chunk] as const)))(
  "int8: %i outputs, transposed, a scale for each, in chunks of %i",
  async (outputs, chunk) => {
    const inputs = TIES.length;
    const values = normals(outputs * inputs, 3);
    const row = (o: number) => values.subarray(o * inputs, (o + 1) * inputs);
    row(0).fill(0);
    row(1).fill(-0);
    row(5).fill(1e-42); // its scale would be subnormal
    row(6).set(TIES);
    row(7).set(TIES.map((tie) => -tie * 2 ** -126)); // the smallest scale
    row(9).set(TIES.map((tie) => tie * 2 ** -127)); // and none
    row(8).set(TIES.map((tie) => tie * 2 ** 120));
    row(10).fill(0.024096854031085968).set([0.24482403695583344]); // 12.4999..., which is 140.5 with 128 more
    row(outputs - 1).set(TIES);
    const encoding = encodingOf(FC1, [outputs, inputs], "int8");
    expect(encoding.parts.map(({ name, type, shape }) => [name, type, shape])).toEqual([
      [FC1, "int8", [inputs, outputs]],
      [scalesOf(FC1), "float32", [outputs]],
    ]);
    const [bytes, scaleBytes] = await converted(encoding, values, chunk);
    const stored = new Int8Array(bytes!);
    const scales = new Float32Array(Uint8Array.from(scaleBytes!).buffer);
    for (let o = 0; o < outputs; o++) {
      const plain = quantizedPlainly(row(o));
      expect([o, scales[o]]).toEqual([o, plain.scale]);
      const column = plain.values.map((_, i) => stored[i * outputs + o]!);
      expect([o, column]).toEqual([o, plain.values.map((value) => value + 0)]); // -0 is 0
    }
    expect([scales[7], scales[9]]).toEqual([2 ** -126, 0]);
    expect(stored).toContain(127);
    expect(stored).toContain(-127);
    expect(stored).not.toContain(-128);
  },
);

test.each([8, 32])("int8: what the graphs use in parts is stored in parts, %i wide", async (width) => {
  const name = "diffloss.net.res_blocks.1.adaLN_modulation.1.weight";
  const size = width * width;
  const values = normals(3 * size, 4);
  const encoding = encodingOf(name, [3 * width, width], "int8");
  expect(encoding.parts.map((part) => [part.name, part.type, part.shape])).toEqual([
    [`${name}[0:${width}]`, "int8", [width, width]],
    [`${name}[${width}:${2 * width}]`, "int8", [width, width]],
    [`${name}[${2 * width}:${3 * width}]`, "int8", [width, width]],
    [scalesOf(name), "float32", [3 * width]],
  ]);
  const stored = await converted(encoding, values, 50);
  const scales = new Float32Array(Uint8Array.from(stored[3]!).buffer);
  for (let part = 0; part < 3; part++) {
    const own = values.slice(size * part, size * (part + 1));
    const [alone] = await converted(encodingOf(FC1, [width, width], "int8"), own, 64);
    expect(stored[part]).toEqual(alone);
    expect(scales[width * part]).toBe(Math.fround(Math.max(...own.slice(0, width).map(Math.abs)) / 127));
  }
});

test("WebAssembly's memory is had: what is quantised above is not quantised one by one", () => {
  expect(makeFloatMemory(1)?.buffer.byteLength).toBe(65_536);
});

test("int8: storages that share a quantizer leave each other's matrices as they are until the next but one", async () => {
  const quantizer = new Quantizer();
  const sizes = [
    [16, 32],
    [16, 32],
    [64, 8],
    [32, 160],
    [16, 4],
  ] as const;
  let previous: { bytes: Uint8Array; expected: Buffer } | undefined;
  for (const [i, [outputs, inputs]] of sizes.entries()) {
    const values = normals(outputs * inputs, i);
    const [expected] = await converted(encodingOf(FC1, [outputs, inputs], "int8"), values, 1000);
    for await (const { part, bytes } of encodingOf(FC1, [outputs, inputs], "int8", quantizer).convert(
      inChunks(values, 1000),
    )) {
      if (part !== 0) continue;
      expect(Buffer.from(bytes)).toEqual(expected);
      if (previous) expect(Buffer.from(previous.bytes)).toEqual(previous.expected);
      previous = { bytes, expected: expected! };
    }
  }
});

test("only the large products are int8; the input projections, the head's output and the tokenizer are not", () => {
  const type = (name: string) => encodingOf(name, [16, 16], "int8").parts[0]!.type;
  for (const name of [
    "decoder_blocks.11.attn.qkv.weight",
    "decoder_blocks.11.attn.proj.weight",
    FC1,
    "diffloss.net.res_blocks.0.mlp.2.weight",
    "diffloss.net.final_layer.adaLN_modulation.1.weight",
  ])
    expect([name, type(name)]).toEqual([name, "int8"]);
  for (const name of [
    "z_proj.weight",
    "decoder_blocks.11.norm1.weight",
    "diffloss.net.input_proj.weight",
    "diffloss.net.final_layer.linear.weight",
    "tokenizer.decoder.conv_in.weight",
  ])
    expect([name, type(name)]).toEqual([name, "float32"]);
});

test("fp32 keeps every bit, and fp16 has the shape and half the bytes", async () => {
  const values = normals(60, 9);
  const [same] = await converted(encodingOf(FC1, [5, 12], "fp32"), values, 7);
  expect(same).toEqual(Buffer.from(values.buffer));
  const half = encodingOf(FC1, [5, 12], "fp16");
  expect(half.parts).toEqual([{ name: FC1, type: "float16", shape: [5, 12], byteLength: 120 }]);
  expect((await converted(half, values, 7))[0]).toEqual(Buffer.from(toFloat16(values).buffer));
});
