import { open } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { temporaryPath, useTemporaryFolder, withCheckpoint } from "./files.js";
import { endRecord, p, pickledTensor, torchZip, type ZipEntry, zip, zip64EndRecords } from "./writers.js";

useTemporaryFolder();

const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const ordered = Buffer.concat([p.global("collections", "OrderedDict"), p.emptyTuple, p.reduce]);
const floats = { storage: "FloatStorage", key: "0", elements: 4, shape: [4] } as const;

function stateDict(...entries: (readonly [string, Buffer])[]): Buffer {
  return p.whole(p.dict(entries));
}

async function values(bytes: Buffer): Promise<Record<string, number[]>> {
  return withCheckpoint(bytes, async (checkpoint) => {
    const read: Record<string, number[]> = {};
    for (const [name, entry] of checkpoint.tensors) read[name] = [...(await checkpoint.readFloat32(entry))];
    return read;
  });
}

describe("storages", () => {
  const half = Buffer.from([0x00, 0x3c, 0x00, 0xc0]); // 1, -2
  const brain = Buffer.from([0x80, 0x3f, 0x00, 0xc0]); // 1, -2
  const double = Buffer.from(Float64Array.of(1, -2).buffer);
  const single = Buffer.from(Float32Array.of(1, -2).buffer);
  test.each([
    ["HalfStorage", half],
    ["BFloat16Storage", brain],
    ["DoubleStorage", double],
    ["FloatStorage", single],
  ])("%s is read as float32", async (storage, bytes) => {
    const pickle = stateDict(["w", pickledTensor({ storage, key: "0", elements: 2, shape: [2, 1] })]);
    expect(await values(zip(torchZip(pickle, { 0: bytes })))).toEqual({ w: [1, -2] });
  });

  test.each([
    ["LongStorage", "I64", 8],
    ["IntStorage", "I32", 4],
    ["ShortStorage", "I16", 2],
    ["CharStorage", "I8", 1],
    ["ByteStorage", "U8", 1],
    ["BoolStorage", "BOOL", 1],
  ])("%s is known as %s", async (storage, dtype, size) => {
    const pickle = stateDict(["n", pickledTensor({ storage, key: "0", elements: 3, shape: [3] })]);
    await withCheckpoint(zip(torchZip(pickle, { 0: Buffer.alloc(3 * size, 7) })), async (checkpoint) => {
      const entry = checkpoint.tensors.get("n")!;
      expect(entry).toMatchObject({ dtype, shape: [3], byteLength: 3 * size });
      expect(await checkpoint.readBytes(entry)).toEqual(new Uint8Array(3 * size).fill(7));
    });
  });

  test("tensors may share a storage, start inside it and be scalars", async () => {
    const pickle = stateDict(
      ["all", pickledTensor({ ...floats, shape: [2, 2] })],
      ["tied", pickledTensor({ ...floats, shape: [2, 2] })],
      ["last", pickledTensor({ ...floats, offset: 2, shape: [2] })],
      ["scalar", pickledTensor({ ...floats, offset: 1, shape: [] })],
      ["row", pickledTensor({ ...floats, shape: [1, 4], strides: [99, 1] })],
      ["empty", pickledTensor({ ...floats, shape: [0, 3], strides: [5, 5] })],
    );
    expect(await values(zip(torchZip(pickle, { 0: four })))).toEqual({
      all: [1, 2, 3, 4],
      tied: [1, 2, 3, 4],
      last: [3, 4],
      scalar: [2],
      row: [1, 2, 3, 4],
      empty: [],
    });
  });

  test("a storage without a checksum is read, one with a wrong checksum is not", async () => {
    const entries = torchZip(stateDict(["w", pickledTensor(floats)]), { 0: four });
    const withCrc = (crc: number) => zip(entries.map((e) => (e.name.endsWith("data/0") ? { ...e, crc } : e)));
    expect(await values(withCrc(0))).toEqual({ w: [1, 2, 3, 4] });
    await expect(values(withCrc(1))).rejects.toThrow(/checkpoint-\d+ cannot be read: tensor "w" is damaged/);
  });
});

test("a bare state dict, with attributes as PyTorch gives it, and Parameters", async () => {
  const parameter = Buffer.concat([
    p.global("torch._utils", "_rebuild_parameter"),
    p.tuple(pickledTensor(floats), p.true, ordered),
    p.reduce,
  ]);
  const metadata = Buffer.concat([p.dict([["_metadata", p.emptyDict]]), p.build]);
  const dict = Buffer.concat([ordered, p.text("w"), parameter, p.setItem, metadata]);
  expect(await values(zip(torchZip(p.whole(dict), { 0: four })))).toEqual({ w: [1, 2, 3, 4] });
});

test("every number, string, tuple and list that a training script keeps", async () => {
  const pieces = [
    Buffer.from([0x4b, 200]), // BININT1
    Buffer.from([0x4d, 1, 2]), // BININT2
    p.int(-5),
    p.int(2 ** 40),
    Buffer.from([0x8a, 0]), // LONG1 of no bytes: 0
    Buffer.from([0x47, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]), // BINFLOAT 0.1
    p.none,
    p.true,
    p.text("ü"),
    p.tuple(p.int(1)),
    Buffer.concat([p.int(1), p.int(2), Buffer.from([0x86])]), // TUPLE2
    Buffer.concat([p.emptyList, p.mark, p.int(1), p.int(2), Buffer.from("e")]), // APPENDS
  ];
  const list = Buffer.concat([p.emptyList, ...pieces.flatMap((piece) => [piece, p.append])]);
  const pickle = stateDict(["args", list], ["w", pickledTensor(floats)]);
  expect(await values(zip(torchZip(pickle, { 0: four })))).toEqual({ w: [1, 2, 3, 4] });
});

test("protocol 4, framed, with short strings and memoized globals", async () => {
  const short = (text: string) => Buffer.concat([Buffer.from([0x8c, text.length]), Buffer.from(text)]);
  const stackGlobal = (module: string, name: string) =>
    Buffer.concat([short(module), short(name), Buffer.from([0x93, 0x94])]); // STACK_GLOBAL, MEMOIZE
  const frame = Buffer.concat([Buffer.from([0x95]), Buffer.alloc(8)]);
  const orderedDict = Buffer.concat([stackGlobal("collections", "OrderedDict"), p.emptyTuple, p.reduce]);
  const body = Buffer.concat([orderedDict, short("w"), pickledTensor(floats), p.setItem]);
  const pickle = Buffer.concat([Buffer.from([0x80, 4]), frame, body, p.stop]);
  expect(await values(zip(torchZip(pickle, { 0: four })))).toEqual({ w: [1, 2, 3, 4] });
});

describe("zip64", () => {
  test("records and end of a small file", async () => {
    const entries = torchZip(stateDict(["w", pickledTensor(floats)]), { 0: four });
    const bytes = zip(
      entries.map((entry) => ({ ...entry, zip64: true })),
      { zip64End: true },
    );
    expect(await values(bytes)).toEqual({ w: [1, 2, 3, 4] });
  });

  test("a storage beyond 4 GiB in a sparse file", async () => {
    const hole = 5 * 2 ** 30;
    const pickle = stateDict(["w", pickledTensor(floats)]);
    const entries: ZipEntry[] = torchZip(pickle, { 0: four }).map((entry) => ({ ...entry, zip64: true }));
    // The same records, 5 GiB later: move what the directory says and where it lies.
    const small = zip(entries, { zip64End: true });
    const directoryAt = Number(small.readBigUInt64LE(small.byteLength - 22 - 20 - 56 + 48));
    const directory = Buffer.from(small.subarray(directoryAt, small.byteLength - 22 - 20 - 56));
    let at = 0;
    while (at < directory.byteLength) {
      const nameBytes = directory.readUInt16LE(at + 28);
      const offsetAt = at + 46 + nameBytes + 20;
      directory.writeBigUInt64LE(directory.readBigUInt64LE(offsetAt) + BigInt(hole), offsetAt);
      at += 46 + nameBytes + 28;
    }
    const path = temporaryPath("sparse.pth");
    const file = await open(path, "w");
    await file.write("PK\x03\x04", 0);
    const tail = Buffer.concat([
      small.subarray(0, directoryAt),
      directory,
      ...zip64EndRecords(
        entries.length,
        directory.byteLength,
        hole + directoryAt,
        hole + directoryAt + directory.byteLength,
      ),
      endRecord(0xffff, directory.byteLength, 0xffffffff),
    ]);
    await file.write(tail, 0, tail.byteLength, hole);
    await file.close();
    const checkpoint = await openCheckpoint(path);
    const entry = checkpoint.tensors.get("w")!;
    expect(entry.offset).toBeGreaterThan(hole);
    expect([...(await checkpoint.readFloat32(entry))]).toEqual([1, 2, 3, 4]);
    await checkpoint.close();
  });
});
