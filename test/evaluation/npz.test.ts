import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNpy, encodeNpy } from "../../src/evaluation/npy.js";
import { NpzFile, writeNpz } from "../../src/evaluation/npz.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-npz-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe(".npz files", () => {
  it("come back as they were written", async () => {
    const path = join(folder, "arrays.npz");
    const arrays = {
      mu: { shape: [3], data: Float64Array.of(1, -2.5, 1e300) },
      features: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      labels: { shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) },
    };
    await writeNpz(path, arrays);
    const file = await NpzFile.open(path);
    for (const [name, array] of Object.entries(arrays)) expect(await file.array(name)).toEqual(array);
    await expect(file.array("sigma")).rejects.toThrow("has no array sigma; it has mu, features, labels.");
    await expect(file.array("mu", 100)).rejects.toThrow("at most 100 are read");
    file.close();
    const first = await readFile(path);
    await writeNpz(path, arrays);
    expect(await readFile(path)).toEqual(first);
    expect(await readdir(folder)).toEqual(["arrays.npz"]);
  });

  it("of images are written and read row by row", async () => {
    const path = join(folder, "images.npz");
    const image = (i: number) => new Uint8Array(2 * 3 * 3).fill(i);
    const rows = async function* () {
      for (let i = 0; i < 50; i += 5) yield Buffer.concat([0, 1, 2, 3, 4].map((k) => image(i + k)));
    };
    await writeNpz(path, { arr_0: { shape: [50, 2, 3, 3], rows: rows() } });
    const file = await NpzFile.open(path);
    expect(await file.header("arr_0")).toMatchObject({ type: "|u1", shape: [50, 2, 3, 3] });
    let i = 0;
    for await (const row of file.rows("arr_0")) expect(row).toEqual(image(i++));
    expect(i).toBe(50);
    file.close();
  });

  it("that are none are refused with a sentence", async () => {
    const path = join(folder, "text.npz");
    await writeFile(path, "no zip");
    await expect(NpzFile.open(path)).rejects.toThrow(/text\.npz is not an \.npz file: /);
  });
});

describe(".npy arrays", () => {
  const good = encodeNpy({ shape: [2], data: Float32Array.of(1, 2) });
  const changed = (from: string, to: string) => Buffer.from(good.toString("latin1").replace(from, to), "latin1");

  it("are aligned as NumPy aligns them", () => {
    expect(good.length - 8).toBe(128);
    expect(good.subarray(0, 8)).toEqual(Buffer.from("\x93NUMPY\x01\x00", "latin1"));
  });

  it.each([
    [Buffer.from("PK"), "is not a NumPy array"],
    [changed("<f4", "<c8"), "holds numbers of type <c8; supported are <f8, <f4, |u1, <i8"],
    [changed("False", "True "), "is in Fortran order"],
    [changed("(2,)", "(9,)"), "has 8 bytes of data instead of 36"],
    [changed("(2,)", "(x,)"), "has a damaged NumPy header"],
    [good.subarray(0, 60), "has a damaged NumPy header"],
    [good.subarray(0, good.length - 1), "has 7 bytes of data instead of 8"],
  ])("that can't be read say why", (bytes, message) => {
    expect(() => decodeNpy(bytes)).toThrow(message);
  });
});
