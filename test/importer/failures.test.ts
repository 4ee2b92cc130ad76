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
import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/importer/checkpoint/error.js";
import { ImportError } from "../../src/importer/error.js";
import { importModel } from "../../src/importer/import.js";
import type { ImportOptions } from "../../src/importer/options.js";
import type { ImportProgress } from "../../src/importer/progress.js";
import { PRECISIONS, type Precision } from "../../src/model/manifest.js";
import {
  loadTensors,
  small,
  TINY_CHECKPOINTS,
  temporaryPath,
  useSmallCheckpoints,
  writePytorch,
  writeTensors,
} from "./models.js";

useSmallCheckpoints();

const tiny = { ...TINY_CHECKPOINTS, precision: "fp32" } as const;

describe("a failed import leaves nothing behind", () => {
  let count = 0;
  async function fails(change: Partial<ImportOptions>): Promise<string> {
    const modelsDir = temporaryPath(`failed-${count++}`);
    await mkdir(modelsDir);
    const options = { ...small, name: "model", modelsDir, ...change };
    const error = await importModel(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(await readdir(modelsDir)).toEqual([]);
    return (error as Error).message;
  }
  const cancelAt = (step: ImportProgress["step"], share: number): Partial<ImportOptions> => {
    const abort = new AbortController();
    const onProgress = (p: ImportProgress) => {
      if (p.step === step && p.doneBytes >= share * p.totalBytes) abort.abort();
    };
    return { signal: abort.signal, onProgress };
  };

  test("when its name is no name", async () => {
    for (const name of ["", "..", "../up", "Upper", ".hidden", "a/b", "a".repeat(65)]) {
      expect(await fails({ name }), name).toContain("is not a valid model name");
    }
  });
  test("when a checkpoint is missing or damaged", async () => {
    expect(await fails({ generator: temporaryPath("none.pth") })).toBe(
      `${temporaryPath("none.pth")} cannot be read: it does not exist.`,
    );
    await writeFile(temporaryPath("cut.safetensors"), (await readFile(small.generator)).subarray(0, 5000));
    expect(await fails({ tokenizer: temporaryPath("cut.safetensors") })).toContain("it is cut short");
  });
  test("when the tensors, the classes or the settings do not fit", async () => {
    expect(await fails({ generator: tiny.generator })).toContain("mar.img_size is 32, but the tensors say 64");
    expect(await fails({ classes: ["one"] })).toContain("--classes names 1 classes, but the generator has 5");
    expect(await fails({ settings: { defaults: { steps: 17 } } })).toMatch(/\/defaults\/steps .* 1 to 16/);
    expect(await fails({ settings: { default_preset: "none" } })).toContain("/default_preset must name one");
  });
  test("when a weight is damaged in the middle of writing", async () => {
    const path = await writePytorch("flipped.ckpt", await loadTensors(tiny.tokenizer));
    const bytes = await readFile(path);
    bytes[Math.floor(0.75 * bytes.byteLength)]! ^= 1;
    await writeFile(path, bytes);
    expect(await fails({ ...tiny, tokenizer: path })).toMatch(
      /\/flipped.ckpt cannot be read: tensor "encoder\S+" is damaged/,
    );
  });
  test.each(["bias", "weight"])("when a weight is no finite number, in any type and precision: %s", async (kind) => {
    const name = `decoder_blocks.0.mlp.fc1.${kind}`;
    const tensors = await loadTensors(small.generator);
    const count = tensors[name]!.bytes.byteLength / 4;
    for (const [dtype, values] of [
      ["F32", new Float32Array(count).fill(Number.NaN, count - 1)],
      ["F32", new Float32Array(count).fill(-Infinity, 3, 4)],
      ["F64", new Float64Array(count).fill(1e300, 3, 4)],
    ] as const) {
      const bytes = Buffer.from(values.buffer);
      const changed = { ...tensors, [name]: { ...tensors[name]!, dtype, bytes } };
      const generator = await writeTensors("broken.safetensors", changed);
      for (const precision of PRECISIONS) {
        expect([precision, await fails({ generator, precision })]).toEqual([
          precision,
          expect.stringContaining(
            `The tensor "${name}" of ${temporaryPath("broken.safetensors")} holds a value that is not a finite float32`,
          ),
        ]);
      }
    }
  });
  test("when it is cancelled while hashing, while writing, or at the very end", async () => {
    const hashed = { precision: "int8", hashSources: true } as const;
    expect(await fails({ ...hashed, ...cancelAt("hashing", 0) })).toContain("cancelled");
    for (const precision of PRECISIONS) {
      expect(await fails({ precision, ...cancelAt("writing", 0) })).toContain("cancelled");
      expect(await fails({ precision, ...cancelAt("writing", 1) })).toContain("cancelled");
    }
  });
  test("and a models folder made for it goes too", async () => {
    const modelsDir = temporaryPath("made/for/it");
    await expect(importModel({ ...small, name: "m", modelsDir, ...cancelAt("writing", 0) })).rejects.toThrow(
      ImportError,
    );
    await expect(readdir(temporaryPath("made"))).rejects.toThrow("ENOENT");
  });
});

describe("an import fails and leaves nothing behind when a checkpoint changes meanwhile", () => {
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
      expect(await failsWhile(change, precision)).toBe(`${generator()} cannot be read: it changed while it was read.`);
  });

  test("when a checkpoint is cut short meanwhile", async () => {
    for (const precision of PRECISIONS)
      expect(await failsWhile(() => truncateSync(generator(), 20_000), precision)).toMatch(
        /\/changing\.safetensors cannot be read: it (ended at byte \d+|changed) while it was read\.$/,
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
