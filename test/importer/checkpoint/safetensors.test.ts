import { open } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { refusal, temporaryPath, useTemporaryFolder, withCheckpoint } from "./files.js";
import { rawSafetensors, safetensors } from "./writers.js";

useTemporaryFolder();

const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);

test("reads types, empty tensors, scalars, odd names and metadata", async () => {
  const bytes = safetensors(
    {
      'quote " and \\ and é': { dtype: "F32", shape: [2, 2], bytes: four },
      __proto__x: { dtype: "F32", shape: [0, 7], bytes: Buffer.alloc(0) },
      scalar: { dtype: "I64", shape: [], bytes: Buffer.alloc(8, 1) },
      half: { dtype: "F16", shape: [1], bytes: Buffer.from([0, 0x3c]) },
    },
    { format: "pt", __proto__: "kept" } as Record<string, string>,
  );
  await withCheckpoint(bytes, async (checkpoint) => {
    const { tensors, metadata } = checkpoint;
    expect(checkpoint.container).toBe("safetensors");
    expect([...tensors.keys()]).toEqual(['quote " and \\ and é', "__proto__x", "scalar", "half"]);
    expect(metadata.format).toBe("pt");
    expect([...(await checkpoint.readFloat32(tensors.get('quote " and \\ and é')!))]).toEqual([1, 2, 3, 4]);
    expect(await checkpoint.readFloat32(tensors.get("__proto__x")!)).toHaveLength(0);
    expect([...(await checkpoint.readFloat32(tensors.get("half")!))]).toEqual([1]);
    await expect(checkpoint.readFloat32(tensors.get("scalar")!)).rejects.toThrow("holds I64");
  });
});

test("takes a header padded with spaces, and __proto__ as a tensor's name", async () => {
  const header = '{"__proto__":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}   ';
  await withCheckpoint(rawSafetensors(header, four), async ({ tensors }) => {
    expect([...tensors.keys()]).toEqual(["__proto__"]);
  });
});

test("reads beyond 4 GiB", async () => {
  const path = temporaryPath("sparse.safetensors");
  const big = 5 * 2 ** 30;
  const header = `{"big":{"dtype":"U8","shape":[${big}],"data_offsets":[0,${big}]},"last":{"dtype":"F32","shape":[4],"data_offsets":[${big},${big + 16}]}}`;
  const start = rawSafetensors(header);
  const file = await open(path, "w");
  await file.write(start, 0, start.byteLength, 0);
  await file.write(four, 0, 16, start.byteLength + big);
  await file.close();
  const checkpoint = await openCheckpoint(path);
  expect([...(await checkpoint.readFloat32(checkpoint.tensors.get("last")!))]).toEqual([1, 2, 3, 4]);
  await expect(checkpoint.readBytes(checkpoint.tensors.get("big")!)).rejects.toThrow("too large to be read whole");
  await checkpoint.close();
});

const tensor = (fields: string) => `{"t":{${fields}}}`;
const good = '"dtype":"F32","shape":[4],"data_offsets":[0,16]';

describe("refuses", () => {
  test.each([
    ["a length beyond the limit", rawSafetensors("{}", four, 100_000_001n), "announces a header of 100000001 bytes"],
    ["a length of 2^64 - 1", rawSafetensors("{}", four, 2n ** 64n - 1n), "announces a header"],
    ["a header longer than the file", rawSafetensors("{}", four, 5000n), "cut short: its header alone"],
    ["a header that is no JSON", rawSafetensors("{nonsense", four), "damaged header"],
    ["a header that is no UTF-8", rawSafetensors(Buffer.from('{"\xff\xfe":1}', "latin1"), four), "not UTF-8"],
    ["a header with an array", rawSafetensors('{"t":[]}', four), "expected {"],
    ["an unknown field", rawSafetensors(tensor(`${good},"evil":1`), four), 'unknown field "evil"'],
    ["a missing field", rawSafetensors(tensor('"dtype":"F32","shape":[4]'), four), "needs dtype, shape"],
    ["an unknown type", rawSafetensors(tensor(good.replace("F32", "F8_E4M3")), four), 'unknown type "F8_E4M3"'],
    ["a negative dimension", rawSafetensors(tensor(good.replace("[4]", "[-4]")), four), "non-negative integer"],
    ["a fraction", rawSafetensors(tensor(good.replace("[4]", "[4.0]")), four), "damaged header"],
    ["an exponent", rawSafetensors(tensor(good.replace("[4]", "[4e0]")), four), "damaged header"],
    ["a huge integer", rawSafetensors(tensor(good.replace("[4]", `[${"9".repeat(30)}]`)), four), "below 2^53"],
    ["an overflowing shape", rawSafetensors(tensor(good.replace("[4]", "[4294967296,4294967296]")), four), "absurdly"],
    ["a shape of 17 sides", rawSafetensors(tensor(good.replace("[4]", `[${"1,".repeat(16)}4]`)), four), "more than 16"],
    ["offsets that do not fit", rawSafetensors(tensor(good.replace("[4]", "[3]")), four), "should be 12 bytes"],
    ["reversed offsets", rawSafetensors(tensor(good.replace("[0,16]", "[16,0]")), four), "should be 16 bytes"],
    ["offsets outside", rawSafetensors(tensor(good), four.subarray(1)), "cut short: its tensors end"],
    ["bytes after the tensors", rawSafetensors(tensor(good), Buffer.alloc(17)), "1 bytes after its last tensor"],
    ["a hole", rawSafetensors(tensor(good.replace("[0,16]", "[4,20]")), Buffer.alloc(20)), "4 unused bytes"],
    ["an overlap", rawSafetensors(`{"a":{${good}},"b":{${good}}}`, four), "overlaps its neighbour"],
    ["a duplicate name", rawSafetensors(`{"t":{${good}},"t":{${good}}}`, four), 'names "t" twice'],
    ["a name doubled by escapes", rawSafetensors(`{"t":{${good}},"\\u0074":{${good}}}`, four), 'names "t" twice'],
    ["a duplicate field", rawSafetensors(tensor(`${good},"shape":[4]`), four), 'names "shape" twice'],
    ["metadata with numbers", rawSafetensors(`{"__metadata__":{"a":1},"t":{${good}}}`, four), 'expected "'],
    ["something after the object", rawSafetensors(`{"t":{${good}}}{}`, four), "something follows"],
    ["a deep nest", rawSafetensors('{"a":'.repeat(100_000), four), "unknown field"],
    ["too many tensors", rawSafetensors(manyTensors(70_000)), "more than 65536 tensors"],
  ])("%s", async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  test("every truncation", async () => {
    const whole = safetensors({
      t: { dtype: "F32", shape: [4], bytes: four },
      u: { dtype: "F32", shape: [4], bytes: four },
    });
    for (let length = 0; length < whole.byteLength; length++) await refusal(whole.subarray(0, length));
  });

  test("names that a terminal would obey are shown harmlessly", async () => {
    const name = "\\u001b[31mred\\u202e\\n";
    const message = await refusal(rawSafetensors(`{"${name}":{${good.replace("[4]", "[3]")}}}`, four));
    expect(message).toMatch(/^[\x20-\x7e]+$/);
  });
});

function manyTensors(count: number): string {
  const entries = Array.from({ length: count }, (_, i) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`);
  return `{${entries.join(",")}}`;
}
