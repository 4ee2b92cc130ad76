import { spawnSync } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { importModel } from "../../../src/importer/import.js";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import { readManifest } from "../../../src/model/registry.js";
import { loadTensors, small, TINY_CHECKPOINTS, temporaryPath, useSmallCheckpoints, writeTensors } from "../models.js";

useSmallCheckpoints();

const MAIN = fileURLToPath(new URL("../../../dist/main.js", import.meta.url));

test("a copied checkpoint has the permissions of any new file, not its own", async () => {
  const folder = temporaryPath("readable");
  const [generator, tokenizer] = ["generator", "tokenizer"].map((name) => join(folder, `${name}.safetensors`));
  await mkdir(folder);
  await copyFile(small.generator, generator!);
  await copyFile(small.tokenizer, tokenizer!);
  await chmod(generator!, 0o400);
  await chmod(tokenizer!, 0o777);
  const paths = { generator: generator!, tokenizer: tokenizer! };
  const model = await importModel({ ...small, ...paths, name: "m", modelsDir: temporaryPath("readable-models") });
  const mode = async (file: string) => (await stat(join(model.folder, file))).mode;
  const usual = await mode(MODEL_FILES.manifest);
  expect([await mode(MODEL_FILES.generator), await mode(MODEL_FILES.tokenizer)]).toEqual([usual, usual]);
});

test("weights that lie at odd places are not pointed at but taken out", async () => {
  const bytes = await readFile(small.generator);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const moved = Buffer.concat([bytes.subarray(0, headerEnd), Buffer.from(" "), bytes.subarray(headerEnd)]);
  moved.writeBigUInt64LE(BigInt(headerEnd - 8 + 1));
  const generator = temporaryPath("odd.safetensors");
  await writeFile(generator, moved);
  const modelsDir = temporaryPath("odd");
  const float32 = await importModel({ ...small, generator, name: "float32", modelsDir });
  expect(float32.manifest.weight_files).toEqual(["tokenizer.safetensors", "weights.bin"]);
  const [odd, even] = [
    await importModel({ ...small, precision: "int8", generator, name: "odd", modelsDir }),
    await importModel({ ...small, precision: "int8", name: "even", modelsDir }),
  ];
  expect(odd.manifest.hash).toBe(even.manifest.hash);
});

test.each(["fp32", "int8"] as const)(
  "where no memory for SIMD can be had, %s comes out the same",
  async (precision) => {
    const modelsDir = temporaryPath(`limited-${precision}`);
    const { manifest } = await importModel({ ...TINY_CHECKPOINTS, name: "m", modelsDir, precision });
    const options = { ...TINY_CHECKPOINTS, name: "limited", "models-dir": modelsDir, precision };
    const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]);
    const limited = ["-c", `ulimit -v 4000000; exec "$@"`, "sh", process.execPath, MAIN, "import", ...args];
    expect(spawnSync("sh", limited, { encoding: "utf8" })).toMatchObject({ status: 0 });
    expect((await readManifest(modelsDir, "limited")).hash).toBe(manifest.hash);
  },
);

test("tensors that are not used may lie and hold what they like", async () => {
  const tensors = await loadTensors(small.tokenizer);
  const values = Buffer.alloc(4 * 200_000);
  values.writeFloatLE(Number.NaN, 4 * 150_000);
  const odd = { "loss.flag": { dtype: "U8", shape: [1], bytes: Buffer.alloc(1) } } as const;
  const even = { "loss.flags": { dtype: "U8", shape: [3], bytes: Buffer.alloc(3) } } as const;
  const unused = { ...odd, "loss.w": { dtype: "F32", shape: [200_000], bytes: values } } as const;
  for (const [name, all] of [
    ["before", { ...unused, ...tensors }],
    ["aligned", { ...unused, ...even, ...tensors }],
    ["after", { ...tensors, ...unused }],
  ] as const) {
    const tokenizer = await writeTensors(`${name}.safetensors`, all);
    const { manifest } = await importModel({ ...small, tokenizer, name, modelsDir: temporaryPath("unused") });
    expect(manifest.weight_files.includes("tokenizer.safetensors")).toBe(name !== "before");
  }
});
