import { createRequire } from "node:module";
import { join } from "node:path";
import { providerFolder } from "../../../src/engine/runtime/cuda.js";
import type { Addon } from "../../../src/engine/runtime/kernels.js";
import type { Tensors } from "../../../src/engine/runtime/runtime.js";
import { PACKAGE_ROOT } from "../../../src/files/package.js";
import { encodeModel, type OnnxGraph } from "../../../src/model/graph/onnx.js";

export const HAS_ADDON = process.platform === "linux" && process.arch === "x64";
export const ADDON_FILE = join(PACKAGE_ROOT, "kernels/linux-x64/marimba.node");
export const LIBRARY = join(providerFolder(), "libonnxruntime.so.1");

/** The addon, on any CPU: only our operators need what `loadKernels` asks for. */
export function requireAddon(): Addon {
  return createRequire(import.meta.url)(ADDON_FILE);
}

const node = (op: string, inputs: readonly string[], output: string) =>
  ({ op, domain: "", name: output, inputs, outputs: [output], attributes: {} }) as const;

/** y = x * scale + shift */
export const MODULATE: OnnxGraph = {
  name: "modulate",
  inputs: [
    { name: "x", type: "float32", shape: ["rows", "tokens", "width"] },
    { name: "scale", type: "float32", shape: ["rows", 1, "width"] },
    { name: "shift", type: "float32", shape: ["rows", 1, "width"] },
  ],
  outputs: [{ name: "y", type: "float32", shape: ["rows", "tokens", "width"] }],
  initializers: [],
  nodes: [node("Mul", ["x", "scale"], "scaled"), node("Add", ["scaled", "shift"], "y")],
};
export const MODEL = encodeModel(MODULATE);

/** Whole numbers, so that every way to round gives the same. */
export function modulateInputs(rows: number, tokens: number, width: number): Tensors {
  const whole = (shape: readonly number[], step: number) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return { data: Float32Array.from({ length }, (_, i) => ((i * step) % 201) - 100), shape };
  };
  const perRow = [rows, 1, width];
  return { x: whole([rows, tokens, width], 37), scale: whole(perRow, 53), shift: whole(perRow, 71) };
}

/** What `MODULATE` must make of them. */
export function modulated({ x, scale, shift }: Tensors): Float32Array {
  const [, tokens, width] = x!.shape as [number, number, number];
  return Float32Array.from(x!.data as Float32Array, (value, i) => {
    const at = Math.floor(i / (tokens * width)) * width + (i % width);
    return value * Number(scale!.data[at]) + Number(shift!.data[at]);
  });
}
