import { expect } from "vitest";
import { loadKernels } from "../../src/engine/runtime/kernels.js";
import type { Precision } from "../../src/model/manifest.js";

/** Expects the tokenizer's deviation from float32: none, but where our own operators convolve in bfloat16, beside int8 products. */
export function expectPixelDeviation(pixels: number | undefined, precision: Precision): void {
  const isRounded = precision === "int8" && loadKernels() !== undefined;
  expect(pixels).toBeGreaterThanOrEqual(isRounded ? 1e-5 : 0);
  expect(pixels).toBeLessThanOrEqual(isRounded ? 0.01 : 0);
}
