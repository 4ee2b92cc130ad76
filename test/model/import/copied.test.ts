import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  watch,
  writeSync,
} from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../../src/model/checkpoint/error.js";
import { importModel } from "../../../src/model/import/import.js";
import { MODEL_FILES, PRECISIONS, type Precision } from "../../../src/model/manifest.js";
import { readManifest } from "../../../src/model/registry.js";
import { TINY } from "../../reference.js";
import {
  loadTensors,
  type SmallImport,
  temporaryPath,
  useTemporaryFolder,
  writeSmallCheckpoints,
  writeTensors,
} from "./models.js";

useTemporaryFolder();

const MAIN = fileURLToPath(new URL("../../../dist/main.js", import.meta.url));
const TINY_IMPORT = {
  generator: `${TINY}/mar.safetensors`,
  tokenizer: `${TINY}/kl16.safetensors`,
  arch: `${TINY}/config.json`,
};

let small: SmallImport;
beforeAll(async () => {
  small = await writeSmallCheckpoints();
});

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
    const { manifest } = await importModel({ ...TINY_IMPORT, name: "m", modelsDir, precision });
    const options = { ...TINY_IMPORT, name: "limited", "models-dir": modelsDir, precision };
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
  const unused = { ...odd, "loss.w": { dtype: "F32", shape: [200_000], bytes: values } } as const;
  for (const [name, all] of [
    ["before", { ...unused, ...tensors }],
    ["after", { ...tensors, ...unused }],
  ] as const) {
    const tokenizer = await writeTensors(`${name}.safetensors`, all);
    const { manifest } = await importModel({ ...small, tokenizer, name, modelsDir: temporaryPath("unused") });
    expect(manifest.weight_files.includes("tokenizer.safetensors")).toBe(name === "after");
  }
});

describe("an import fails and leaves nothing behind", () => {
  const generator = () => temporaryPath("changing.safetensors");
  async function failsWhile(change: () => void, precision: Precision): Promise<string> {
    const modelsDir = temporaryPath("changed");
    await mkdir(modelsDir, { recursive: true });
    await copyFile(small.generator, generator());
    await copyFile(small.generator, temporaryPath("other"));
    for (const path of [generator(), temporaryPath("other")]) await utimes(path, 1e9, 1e9);
    let isChanged = false;
    const onProgress = () => {
      if (!isChanged) change();
      isChanged = true;
    };
    const options = { ...small, generator: generator(), precision, name: "m", modelsDir, onProgress };
    const error = await importModel(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(await readdir(modelsDir)).toEqual([]);
    return (error as Error).message;
  }
  const overwrite = () => {
    const file = openSync(generator(), "r+");
    writeSync(file, "x", 10_000);
    closeSync(file);
  };

  test.each([
    ["is appended to", () => appendFileSync(generator(), "more")],
    ["is written to", overwrite],
    ["is replaced by one of the same size and time", () => renameSync(temporaryPath("other"), generator())],
    ["is removed", () => rmSync(generator())],
  ] as const)("when a checkpoint %s meanwhile", async (_, change) => {
    for (const precision of PRECISIONS)
      expect(await failsWhile(change, precision)).toBe(
        "changing.safetensors cannot be read: it changed while it was read.",
      );
  });

  test("when a checkpoint is cut short meanwhile", async () => {
    for (const precision of PRECISIONS)
      expect(await failsWhile(() => truncateSync(generator(), 20_000), precision)).toMatch(
        /^changing\.safetensors cannot be read: it (ended at byte \d+|changed) while it was read\.$/,
      );
  });

  test("when a checkpoint that is copied is gone before its turn", async () => {
    const tokenizer = temporaryPath("gone.safetensors");
    await copyFile(small.tokenizer, tokenizer);
    const modelsDir = temporaryPath("gone");
    const watcher = watch(temporaryPath(""), () => {
      if (existsSync(modelsDir)) rmSync(tokenizer, { force: true });
    });
    const importing = importModel({ ...small, tokenizer, name: "m", modelsDir });
    await expect(importing.finally(() => watcher.close())).rejects.toThrow(
      "gone.safetensors cannot be read: it changed while it was read.",
    );
    expect(existsSync(modelsDir)).toBe(false);
  });
});
