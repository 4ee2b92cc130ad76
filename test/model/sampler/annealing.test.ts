import { describe, expect, it } from "vitest";
import { diffusionStepsInStep } from "../../../src/model/sampler/annealing.js";

const inAll = (steps: number, diffusion_steps: number, diffusion_steps_final?: number) =>
  Array.from({ length: steps }, (_, step) =>
    diffusionStepsInStep(
      { steps, diffusion_steps, ...(diffusion_steps_final === undefined ? {} : { diffusion_steps_final }) },
      step,
    ),
  );

describe("diffusionStepsInStep", () => {
  it("gives the steps of the authors' code for 50 to 5 in 64 and in 20 autoregressive steps", () => {
    // int((upper_step - step) / upper_step * (len(gen_diffusion) - 1)) of MAR_DiSA/models/diffloss.py, plus 5.
    expect(inAll(64, 50, 5)).toEqual([
      50, 49, 48, 47, 47, 46, 45, 45, 44, 43, 42, 42, 41, 40, 40, 39, 38, 37, 37, 36, 35, 35, 34, 33, 32, 32, 31, 30,
      30, 29, 28, 27, 27, 26, 25, 25, 24, 23, 22, 22, 21, 20, 20, 19, 18, 17, 17, 16, 15, 15, 14, 13, 12, 12, 11, 10,
      10, 9, 8, 7, 7, 6, 5, 5,
    ]);
    expect(inAll(20, 50, 5)).toEqual([50, 47, 45, 42, 40, 38, 35, 33, 31, 28, 26, 23, 21, 19, 16, 14, 12, 9, 7, 5]);
  });

  it("leaves the steps as they are where nothing is annealed", () => {
    expect(inAll(4, 50)).toEqual([50, 50, 50, 50]);
    expect(inAll(4, 50, 50)).toEqual([50, 50, 50, 50]);
    expect(inAll(1, 50, 5)).toEqual([50]);
  });

  it("may rise", () => {
    expect(inAll(4, 5, 50)).toEqual([5, 20, 35, 50]);
  });
});
