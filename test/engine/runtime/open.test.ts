import { existsSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import { writeRandomModel } from "../../model/random.js";
import { architectureOf, ODD_SIZES } from "../../model/shapes.js";
import { MAR_GRAPHS } from "../../model/tiny.js";

let folder: string;
beforeEach(async () => {
  folder = await writeRandomModel(architectureOf(ODD_SIZES), 1);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const graphs = MAR_GRAPHS;
const open = () => openRuntime(folder, { threads: 1, graphs });

test("a graph that is missing is named, with what to do", async () => {
  rmSync(join(folder, MODEL_FILES.denoise));
  await expect(open()).rejects.toThrow(`${folder} has no denoise.onnx. Import the model again.`);
});

test("a graph that is no ONNX file is named, with ONNX Runtime's reason", async () => {
  writeFileSync(join(folder, MODEL_FILES.decode), "not a graph");
  await expect(open()).rejects.toThrow(/cannot use .*decode\.onnx: .+/);
});

test("weights that are missing or cut short are an error when the model is opened", async () => {
  truncateSync(join(folder, MODEL_FILES.weights), 1000);
  await expect(open()).rejects.toThrow(/cannot use .*predict\.onnx: .+/);
  rmSync(join(folder, MODEL_FILES.weights));
  await expect(open()).rejects.toThrow(/cannot use .*predict\.onnx: .*weights\.bin/);
});

/** It comes with the CUDA libraries, which the package itself does not bring. */
const CUDA = join(
  dirname(fileURLToPath(import.meta.resolve("onnxruntime-node/package.json"))),
  "bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so",
);

test.skipIf(existsSync(CUDA))("CUDA where ONNX Runtime has none is refused in a sentence", async () => {
  const opening = openRuntime(folder, { threads: 1, graphs, provider: "cuda", cudaDevice: 0 });
  await expect(opening).rejects.toThrow(
    /^PROVIDER=cuda can't be used here\. ONNX Runtime's CUDA provider is not installed .+ PROVIDER=cpu needs no GPU\.$/,
  );
  await (await open()).close();
});
