import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { kernelsStamp } from "../../../scripts/is-built.js";
import { loadKernels } from "../../../src/engine/runtime/kernels.js";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import type { RuntimeOptions } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { PACKAGE_ROOT } from "../../../src/files/package.js";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import { writeRandomModel } from "../../model/random.js";
import { architectureOf, ODD_SIZES } from "../../model/shapes.js";
import { MAR_GRAPHS } from "../../model/tiny.js";
import { ADDON_FILE, HAS_ADDON, LIBRARY, MODEL, modulated, modulateInputs, requireAddon } from "./modulate.js";

test("the addon was built from the sources as they are; `npm run kernels` builds it anew", () => {
  expect(readFileSync(ADDON_FILE).includes(kernelsStamp(PACKAGE_ROOT))).toBe(true);
});

describe.runIf(HAS_ADDON)("the addon", () => {
  test.each([
    [1, 1, 1],
    [2, 3, 5],
    [3, 64, 96],
    [0, 4, 8],
    [2, 0, 8],
  ])("runs a graph, for %i rows of %i tokens with %i numbers", (rows, tokens, width) => {
    const addon = requireAddon();
    for (const threads of [1, 2]) {
      const session = addon.open(LIBRARY, MODEL, { threads, entries: {} });
      const inputs = modulateInputs(rows, tokens, width);
      expect(addon.run(session, inputs)).toEqual({ y: { data: modulated(inputs), shape: [rows, tokens, width] } });
      addon.release(session);
    }
  });

  test("says what the CPU can do, as Linux says it", () => {
    const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))![1]!.split(" "));
    expect(requireAddon().cpu()).toEqual({
      avx512vnni: flags.has("avx512_vnni"),
      avx512bf16: flags.has("avx512_bf16"),
      amxInt8: flags.has("amx_int8"),
      amxBf16: flags.has("amx_bf16"),
    });
  });

  test("our operators are loaded where the CPU has what they need and no tiles, and once", () => {
    const kernels = loadKernels();
    const { avx512vnni, avx512bf16, amxInt8 } = requireAddon().cpu();
    expect(kernels !== undefined).toBe(avx512vnni && avx512bf16 && !amxInt8);
    expect(loadKernels()).toBe(kernels);
  });
});

describe.runIf(loadKernels())("a runtime whose variants have our operators", () => {
  const architecture = architectureOf(ODD_SIZES);
  let folder: string;
  beforeEach(async () => {
    folder = await writeRandomModel(architecture, 1, { precision: "int8" });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const variantsOf = (model: Uint8Array | undefined) =>
    Object.fromEntries(MAR_GRAPHS.map((graph) => [graph, model ?? readFileSync(join(folder, MODEL_FILES[graph]))]));
  const open = (own: Partial<RuntimeOptions> = {}, model?: Uint8Array) =>
    openRuntime(folder, { threads: 2, graphs: MAR_GRAPHS, variants: variantsOf(model), kernels: true, ...own });

  test("runs a model's own graphs to the same bytes as onnxruntime-node", async () => {
    const [ours, theirs] = [await open(), await openRuntime(folder, { threads: 2, graphs: MAR_GRAPHS })];
    const compared = new Set<string>();
    const both = {
      async run(graph: string, inputs: Parameters<typeof ours.run>[1]) {
        const outputs = await ours.run(graph, inputs);
        expect(outputs, graph).toEqual(await theirs.run(graph, inputs));
        compared.add(graph);
        return outputs;
      },
      close: async () => {},
    };
    expect(await warmUp(both, architecture, 3)).toBe(3);
    expect([...compared].sort()).toEqual([...MAR_GRAPHS].sort());
    await Promise.all([ours.close(), theirs.close()]);
  });

  test("hears messages between runs", async () => {
    const runtime = await open({}, MODEL);
    let heard = false;
    const message = wait(1).then(() => {
      heard = true;
    });
    while (!heard) await runtime.run("predict", modulateInputs(1, 1, 1));
    await message;
    await runtime.close();
  });

  test("writes a profile of each graph", async () => {
    const profile = join(folder, "profile-");
    const runtime = await open({ profile, graphs: ["predict"] }, MODEL);
    await runtime.run("predict", modulateInputs(1, 1, 1));
    await runtime.close();
    const [file] = readdirSync(folder).filter((name) => name.startsWith("profile-"));
    const events = JSON.parse(readFileSync(join(folder, file!), "utf8")) as { args?: { op_name?: string } }[];
    expect(events.some(({ args }) => args?.op_name === "Mul")).toBe(true);
  });

  test("explains what can't be used, and by which reason", async () => {
    await expect(open({}, Uint8Array.of(1, 2, 3))).rejects.toThrow(
      /cannot use predict\.onnx over the weights in .+: .+/,
    );
    rmSync(join(folder, MODEL_FILES.weights));
    await expect(open()).rejects.toThrow(/cannot use predict\.onnx over the weights in .*weights\.bin/);
  });
});
