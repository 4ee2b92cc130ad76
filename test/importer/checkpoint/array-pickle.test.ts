import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../../src/importer/checkpoint/error.js";
import { type NumberArray, unpickleArrays } from "../../../src/importer/checkpoint/pytorch/array-pickle.js";
import { Dict, Placeholder } from "../../../src/importer/checkpoint/pytorch/pickle-values.js";
import { uniform } from "../../model/random.js";
import { REFERENCE } from "../../reference.js";
import { p } from "./writers.js";

const FILES = ["small", "deep"].map((name) => readFileSync(join(REFERENCE, "systems/detok", name, "stats.pkl")));

const bytes = (content: Uint8Array) => Buffer.concat([Buffer.from([0x43, content.byteLength]), content]); // SHORT_BINBYTES
const call = (module: string, name: string, ...args: Buffer[]) =>
  Buffer.concat([p.global(module, name), p.tuple(...args), p.reduce]);
const numpyType = (name: string, order = "<") =>
  Buffer.concat([
    call("numpy", "dtype", p.text(name), p.false, p.true),
    p.tuple(p.int(3), p.text(order), p.none, p.none, p.none, p.int(-1), p.int(-1), p.int(0)),
    p.build,
  ]);
const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
const read = (value: Buffer) => unpickleArrays(p.whole(value));
const valuesOf = (value: Buffer) => [...(read(value) as NumberArray).values];

describe("arrays in a plain pickle", () => {
  test.each(["numpy.core", "numpy._core"])("of %s: an array, a scalar and a buffer", (core) => {
    const shape = p.tuple(p.int(2));
    const made = call(
      `${core}.multiarray`,
      "_reconstruct",
      p.global("numpy", "ndarray"),
      p.tuple(p.int(0)),
      p.text("b"),
    );
    const state = p.tuple(p.int(1), shape, numpyType("f8"), p.false, bytes(doubles(1, 2.5)));
    expect(valuesOf(Buffer.concat([made, state, p.build]))).toEqual([1, 2.5]);
    expect(valuesOf(call(`${core}.multiarray`, "scalar", numpyType("f8"), bytes(doubles(3))))).toEqual([3]);
    const buffer = call(`${core}.numeric`, "_frombuffer", bytes(doubles(4, 5)), numpyType("f8"), shape, p.text("C"));
    expect(valuesOf(buffer)).toEqual([4, 5]);
  });

  test.each([
    ["another byte order", call("numpy.core.multiarray", "scalar", numpyType("f8", ">"), bytes(doubles(1)))],
    ["integers", call("numpy.core.multiarray", "scalar", numpyType("i8"), bytes(doubles(1)))],
    ["too few bytes", call("numpy.core.multiarray", "scalar", numpyType("f8"), bytes(new Uint8Array(7)))],
    [
      "two dimensions",
      call("numpy.core.numeric", "_frombuffer", bytes(doubles(1)), numpyType("f8"), p.tuple(p.int(1), p.int(1))),
    ],
    [
      "a tensor that is no storage",
      call("torch.storage", "_load_from_bytes", bytes(Buffer.from([0x80, 2, 0x4e, 0x2e]))),
    ],
    [
      "a storage within a storage",
      call("torch.storage", "_load_from_bytes", bytes(p.whole(call("torch.storage", "_load_from_bytes", p.none)))),
    ],
  ])("%s is refused", (_, value) => {
    expect(() => read(value)).toThrow(CheckpointError);
  });

  test("nothing else is built or called", () => {
    expect(read(call("os", "system", p.text("true")))).toEqual(new Placeholder("os.system"));
  });

  test("damaged files: cut short anywhere, or with bytes changed", () => {
    const draw = uniform(1);
    for (const file of FILES) {
      expect(unpickleArrays(file)).toBeInstanceOf(Dict);
      for (let length = 0; length < file.byteLength; length++) expectBounded(file.subarray(0, length));
      for (let i = 0; i < 1000; i++) {
        const damaged = Buffer.from(file);
        for (let change = 0; change < 3; change++)
          damaged[Math.floor(draw() * file.byteLength)] = Math.floor(draw() * 256);
        expectBounded(damaged);
      }
    }
  });
});

/** Either a value or a sentence. */
function expectBounded(file: Uint8Array): void {
  try {
    unpickleArrays(file);
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
  }
}
