import { expect, test } from "vitest";
import { toFloat32 } from "../../../src/importer/checkpoint/float32.js";

function convert(dtype: "F16" | "BF16" | "F64" | "F32", bytes: Buffer, count: number): Float32Array {
  const target = new Float32Array(count);
  toFloat32(dtype, bytes, target);
  return target;
}

function uint16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16LE(value, 2 * i);
  return bytes;
}

/** IEEE 754 binary16 by its definition. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

test("every float16 is exact", () => {
  const halves = Array.from({ length: 65_536 }, (_, i) => i);
  const floats = convert("F16", uint16(...halves.slice(0, 32_768)), 32_768);
  const negative = convert("F16", uint16(...halves.slice(32_768)), 32_768);
  for (const half of halves) {
    const float = half < 32_768 ? floats[half] : negative[half - 32_768];
    if (!Object.is(float, halfValue(half))) expect(float, half.toString(16)).toBe(halfValue(half));
  }
});

test("bfloat16 is the upper half of a float32", () => {
  expect([...convert("BF16", uint16(0x3f80, 0xc040, 0x0001, 0x7f80, 0x8000), 5)]).toEqual([
    1,
    -3,
    2 ** -133,
    Number.POSITIVE_INFINITY,
    -0,
  ]);
});

test("float64 rounds to nearest, and unaligned float32 is copied as it is", () => {
  const doubles = Buffer.alloc(16);
  doubles.writeDoubleLE(1 / 3, 0);
  doubles.writeDoubleLE(1 + 2 ** -24, 8);
  expect([...convert("F64", doubles, 2)]).toEqual([Math.fround(1 / 3), 1]);
  const floats = Buffer.alloc(9);
  floats.writeFloatLE(0.1, 1);
  floats.writeUInt32LE(0x7fc12345, 5);
  const copied = convert("F32", floats.subarray(1), 2);
  expect(copied[0]).toBe(Math.fround(0.1));
  expect(new Uint32Array(copied.buffer)[1]).toBe(0x7fc12345);
});
