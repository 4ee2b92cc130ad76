import { mkdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../../src/importer/checkpoint/error.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { unpickle } from "../../../src/importer/checkpoint/pytorch/pickle.js";
import { Placeholder } from "../../../src/importer/checkpoint/pytorch/pickle-values.js";
import { pickleRefusal, refusal, temporaryPath, useTemporaryFolder, withCheckpoint } from "./files.js";
import { p, pickledTensor, torchZip, zip } from "./writers.js";

useTemporaryFolder();

const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const floats = { storage: "FloatStorage", key: "0", elements: 4, shape: [4] } as const;
const pickle = p.whole(p.dict([["w", pickledTensor(floats)]]));
const honest = torchZip(pickle, { 0: four });

describe("foreign globals are named and never called", () => {
  test.each([
    ["os", "system"],
    ["posix", "system"],
    ["subprocess", "Popen"],
    ["builtins", "eval"],
    ["builtins", "getattr"],
    ["torch", "load"],
    ["torch.storage", "_load_from_bytes"],
    ["numpy.core.multiarray", "_reconstruct"],
    ["__main__", "Model"],
    ["torch", "QInt8Storage"],
    ["", "constructor"],
    ["__proto__", "toString"],
  ])("%s.%s", async (module, name) => {
    const call = Buffer.concat([p.global(module, name), p.tuple(p.text("id")), p.reduce]);
    const refused = `built with "${module}.${name}", which is not known here and never called`;
    expect(await pickleRefusal(p.dict([["w", call]]))).toContain(refused);
  });

  test("by STACK_GLOBAL too, and the weights beside them are read", async () => {
    const stackGlobal = Buffer.concat([p.text("os"), p.text("system"), Buffer.from([0x93])]);
    const dict = p.dict([
      ["w", pickledTensor(floats)],
      ["args", Buffer.concat([stackGlobal, p.tuple(p.text("id")), p.reduce])],
    ]);
    expect(await pickleRefusal(dict, { 0: four })).toContain('built with "os.system"');
    await withCheckpoint(zip(torchZip(p.whole(dict), { 0: four })), async (checkpoint) => {
      expect([...(await checkpoint.readFloat32(checkpoint.tensors.get("w")!))]).toEqual([1, 2, 3, 4]);
    });
  });

  test("whatever is done with a placeholder makes the same placeholder", () => {
    const foreign = p.global("os", "system");
    const bytes = (...values: number[]) => Buffer.from(values);
    for (const use of [
      [p.emptyTuple, p.reduce],
      [p.emptyTuple, p.newobj],
      [p.emptyTuple, p.emptyDict, bytes(0x92)], // NEWOBJ_EX
      [p.int(1), p.reduce], // arguments that are not a tuple
      [p.emptyDict, p.build],
      [p.int(1), p.append],
      [p.mark, p.int(1), bytes(0x90)], // ADDITEMS
      [p.text("a"), p.int(1), p.setItem],
      [p.emptyTuple, p.reduce, p.emptyTuple, p.reduce, p.emptyDict, p.build],
    ]) {
      expect(unpickle(p.whole(Buffer.concat([foreign, ...use])))).toEqual(new Placeholder("os.system"));
    }
  });

  test("allowed names with arguments of other kinds", async () => {
    const call = (module: string, name: string, ...args: Buffer[]) =>
      Buffer.concat([p.global(module, name), p.tuple(...args), p.reduce]);
    for (const object of [
      call("torch._utils", "_rebuild_tensor_v2", p.text("x")),
      call("torch._utils", "_rebuild_parameter", p.none),
      call("torch", "Size", p.int(3)),
      call("collections", "OrderedDict", p.text("x")),
      call("torch", "FloatStorage", p.int(3)),
    ]) {
      expect(await pickleRefusal(object)).toContain("damaged pickle");
    }
  });
});

describe("damaged and absurd pickles", () => {
  const bytes = (...values: number[]) => Buffer.from(values);
  test.each([
    ["nothing", Buffer.alloc(0), "cut short"],
    ["no STOP", p.proto, "cut short"],
    ["STOP at once", Buffer.from("."), "empty stack"],
    ["protocol 0", bytes(0x80, 0), "protocol 0"],
    ["an opcode of classes", Buffer.from("(ios\nsystem\n."), "instruction 0x69"],
    ["an extension", bytes(0x82, 1), "instruction 0x82"],
    ["a text persistent id", Buffer.from("Px\n."), "instruction 0x50"],
    ["a string of 4 GB", bytes(0x58, 0xff, 0xff, 0xff, 0xff, 0x41), "cut short"],
    ["a memo that was never put", bytes(0x68, 7, 0x2e), "recalls what it never stored"],
    ["a tuple without a mark", Buffer.from("t."), "mark is missing"],
    ["items of a number", bytes(0x4b, 1, 0x4b, 1, 0x4b, 1, 0x73, 0x2e), "sets items of a number"],
    ["a lone key", Buffer.concat([p.emptyDict, p.mark, p.int(1), p.setItems]), "key without a value"],
    ["a pop across a mark", Buffer.concat([p.emptyList, p.mark, p.append]), "empty stack"],
    ["a call of a number", Buffer.concat([p.int(1), p.emptyTuple, p.reduce]), "calls a number"],
    [
      "a call without a tuple",
      Buffer.concat([p.global("collections", "OrderedDict"), p.int(1), p.reduce]),
      "not a tuple",
    ],
    ["a global without an end", Buffer.from(`c${"a".repeat(1000)}`), "does not end"],
    ["a storage without a class", Buffer.concat([p.tuple(p.text("storage")), p.persid]), "names no storage"],
    ["text that is no UTF-8", bytes(0x8c, 1, 0xff, 0x2e), "not UTF-8"],
    ["a million marks", Buffer.alloc(1_100_000, "("), "absurd amount of stack"],
    ["a million values", Buffer.alloc(1_100_000, "N"), "absurd amount of stack"],
    ["half a million dicts", Buffer.alloc(500_000, "}"), "lists and dicts"],
    ["bytes that are not there", bytes(0x8e, 0, 0, 0, 0, 0, 0, 0, 0x40), "cut short"],
    ["an integer of 2 GB", bytes(0x8b, 0, 0, 0, 0x80), "cut short"],
    ["a set without a mark", bytes(0x91, 0x2e), "mark is missing"],
    [
      "a global with a name of a megabyte",
      Buffer.concat([p.text("a".repeat(2 ** 20)), p.text("b"), bytes(0x93)]),
      "a name of more than 512",
    ],
    [
      "a million calls of a foreign function",
      Buffer.concat([p.global("os", "system"), Buffer.alloc(2_200_000, ")R")]),
      "instructions",
    ],
    ["an endless loop of instructions", Buffer.concat([p.none, Buffer.alloc(3_000_000, "20")]), "instructions"],
  ])("%s", (_, object, message) => {
    expect(() => unpickle(Buffer.concat([p.proto, object]))).toThrow(CheckpointError);
    expect(() => unpickle(object)).toThrow(message);
  });

  test("nesting of a million levels and cycles through the memo need no recursion", async () => {
    const deep = Buffer.concat([p.emptyTuple, Buffer.alloc(1_000_000, 0x85)]);
    expect(await pickleRefusal(deep)).toContain("holds no dict");
    // d = {}; d["model_ema"] = d
    const cycle = Buffer.concat([p.emptyDict, p.put(0), p.text("model_ema"), p.get(0), p.setItem]);
    await withCheckpoint(zip(torchZip(p.whole(cycle), {})), async ({ stateDicts }) => expect(stateDicts).toEqual([]));
  });

  test("a dict that is reached by a million keys, and keys of any length", async () => {
    const thousand = Buffer.concat([p.emptyList, p.put(0), p.mark, Buffer.alloc(2000, "K\x01"), Buffer.from("e")]);
    const lists = Array.from({ length: 3000 }, (_, i) => Buffer.concat([p.text(`${i}`), p.get(0)]));
    const many = Buffer.concat([p.emptyDict, p.text("first"), thousand, p.setItem, p.mark, ...lists, p.setItems]);
    expect(await pickleRefusal(many)).toContain("more than 2000000 values");
    expect(await pickleRefusal(p.dict([["a".repeat(1001), p.int(1)]]))).toContain("a key of more than 1000 characters");
  });

  test("a name set twice", async () => {
    const twice = p.dict([
      ["w", pickledTensor(floats)],
      ["w", pickledTensor(floats)],
    ]);
    expect(await pickleRefusal(twice, { 0: four })).toContain('sets "w" twice');
  });
});

describe("tensors that do not fit their storages", () => {
  test.each([
    ["no such storage", { ...floats, key: "9" }, 'lacks the storage "9"'],
    ["a key that is a path", { ...floats, key: "../../../etc/passwd" }, "lacks the storage"],
    ["a storage of another size", { ...floats, elements: 5 }, "should be 5 elements of F32 but is 16 bytes"],
    ["too many elements", { ...floats, shape: [5] }, "takes elements 0 to 5 of a storage of 4"],
    ["an offset outside", { ...floats, offset: 1 }, "takes elements 1 to 5"],
    ["a huge offset", { ...floats, offset: 2 ** 52 }, "of a storage of 4"],
    ["a shape that overflows", { ...floats, shape: [2 ** 31, 2 ** 31], strides: [1, 1] }, "absurdly large"],
    ["strides beyond the storage", { ...floats, shape: [2, 2], strides: [3, 1] }, "elements 0 to 5 of a storage of 4"],
    ["strides beyond 2^53", { ...floats, shape: [9, 9], strides: [2 ** 52, 2 ** 52] }, "of a storage of 4"],
    ["one element as a gigabyte", { ...floats, shape: [2 ** 28], strides: [0] }, "at most 268435456 are read"],
  ])("%s", async (_, tensor, message) => {
    expect(await pickleRefusal(p.dict([["w", pickledTensor(tensor)]]), { 0: four })).toContain(message);
  });

  test("a negative shape", async () => {
    const negative = pickledTensor({ ...floats, shape: [-4] });
    expect(await pickleRefusal(p.dict([["w", negative]]), { 0: four })).toContain("arguments of the wrong kind");
  });

  test("big-endian files", async () => {
    expect(await refusal(zip(torchZip(pickle, { 0: four }, "big")))).toContain('byte order "big"');
  });
});

describe("hostile zips", () => {
  const last = honest.length - 1;
  const withLast = (change: object) => zip([...honest.slice(0, last), { ...honest[last]!, ...change }]);
  test.each([
    ["a compressed record", withLast({ method: 8 }), "is compressed"],
    ["an encrypted record", withLast({ flags: 1 }), "is encrypted"],
    ["a duplicate name", zip([...honest, honest[3]!]), 'two records named "archive/data/0"'],
    ["a path out of the zip", withLast({ name: "archive/../../etc/passwd" }), "invalid relative path"],
    ["an absolute path", withLast({ name: "/etc/passwd" }), "absolute path"],
    ["a backslash", withLast({ name: "archive\\x" }), "invalid characters"],
    ["a control character", withLast({ name: "archive/\u0007", flags: 0x800 }), "control characters"],
    ["another name in the record", withLast({ localName: "archive/data/7" }), "another name in its own header"],
    ["a size beyond the file", withLast({ claimedSize: 2 ** 31 }), "overflows file bounds"],
    [
      "a record that overlaps the next",
      zip([{ ...honest[0]!, claimedSize: 200 + pickle.byteLength }, ...honest.slice(1)]),
      "overlaps another",
    ],
    ["all records at one place", zip(honest.map((entry) => ({ ...entry, claimedOffset: 0 }))), "another name"],
    ["a zip64 size of 2^63", withLast({ zip64: true, claimedSize: 2n ** 63n }), "overflows file bounds"],
    ["a zip64 offset of 2^63", withLast({ zip64: true, claimedOffset: 2n ** 63n }), "refers to bytes"],
    ["more records than there are", zip(honest, { entryCount: honest.length + 5 }), "refers to bytes"],
    ["more records than are read", zip(honest, { entryCount: 2 ** 40, zip64End: true }), "at most 65536"],
    ["no pickle", zip(honest.slice(1)), "0 records data.pkl"],
    ["two pickles", zip([...honest, { name: "other/data.pkl", bytes: pickle }]), "2 records data.pkl"],
    ["nothing at all", zip([]), "0 records data.pkl"],
  ])("%s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  test("an end record that points beyond 2^53", async () => {
    const bytes = zip(honest, { zip64End: true });
    const locator = bytes.byteLength - 22 - 20;
    for (const value of [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, BigInt(bytes.byteLength)]) {
      const patched = Buffer.from(bytes);
      patched.writeBigUInt64LE(value, locator + 8);
      expect(await refusal(patched)).toMatch(/refers to bytes|damaged or truncated zip/);
      const directory = Buffer.from(bytes);
      directory.writeBigUInt64LE(value, locator - 56 + 48);
      expect(await refusal(directory)).toMatch(/refers to bytes|damaged or truncated zip/);
    }
  });

  test("every truncation", async () => {
    const whole = zip(honest);
    for (let length = 0; length < whole.byteLength; length += 3) await refusal(whole.subarray(0, length));
  });

  test("a pickle beyond the limit is not even read", async () => {
    const large = zip(torchZip(Buffer.alloc(33 * 1024 * 1024, "N"), {}));
    expect(await refusal(large)).toContain("at most 33554432 are read");
  });
});

describe("files that are something else", () => {
  test.each([
    ["an empty file", Buffer.alloc(0), "it is empty"],
    [
      "a legacy PyTorch file",
      Buffer.from("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "latin1"),
      "save it again",
    ],
    ["a Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"],
    ["a web page", Buffer.from("<!DOCTYPE html><html></html>"), "neither a .safetensors file"],
    ["a gzip", Buffer.from("1f8b0800000000000003", "hex"), "neither"],
  ])("%s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  test("a folder and nothing at all", async () => {
    await mkdir(temporaryPath("folder"));
    await expect(openCheckpoint(temporaryPath("folder"))).rejects.toThrow(
      "folder cannot be read: it is not a regular file.",
    );
    await expect(openCheckpoint(temporaryPath("none"))).rejects.toThrow("none cannot be read: it does not exist.");
  });
});
