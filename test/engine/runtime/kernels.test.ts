import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { kernelsStamp } from "../../../scripts/is-built.js";
import { KernelSession, loadKernels } from "../../../src/engine/runtime/kernels.js";
import { sessionOptions } from "../../../src/engine/runtime/session-options.js";
import { encodeModel, KERNELS_DOMAIN, type OnnxGraph } from "../../../src/model/graph/onnx.js";

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const kernels = loadKernels();

const WIDTH = 3;
const modulate: OnnxGraph = {
  name: "modulate",
  inputs: [
    { name: "x", type: "float32", shape: ["rows", "tokens", WIDTH] },
    { name: "scale", type: "float32", shape: ["rows", 1, WIDTH] },
    { name: "shift", type: "float32", shape: ["rows", 1, WIDTH] },
  ],
  outputs: [{ name: "y", type: "float32", shape: ["rows", "tokens", WIDTH] }],
  initializers: [],
  nodes: [
    {
      op: "Modulate",
      domain: KERNELS_DOMAIN,
      name: "modulate",
      inputs: ["x", "scale", "shift"],
      outputs: ["y"],
      attributes: {},
    },
  ],
};

describe.skipIf(!kernels)("the addon", () => {
  const { addon, library } = kernels!;

  test("was built from the sources as they are; `npm run kernels` builds it anew", () => {
    expect(addon.stamp).toBe(kernelsStamp(PROJECT));
  });

  test("runs a graph with one of our operators", () => {
    const session = addon.open(library, encodeModel(modulate), { threads: 2, entries: {} });
    const { y } = addon.run(session, {
      x: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [1, 2, 3] },
      scale: { data: Float32Array.of(1, 2, 3), shape: [1, 1, 3] },
      shift: { data: Float32Array.of(1, 0, 0), shape: [1, 1, 3] },
    });
    expect(y).toEqual({ data: Float32Array.of(2, 4, 9, 5, 10, 18), shape: [1, 2, 3] });
    addon.release(session);
  });
});
