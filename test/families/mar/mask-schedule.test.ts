import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { diffusionStepsInStep } from "../../../src/families/heads/diffusion-steps.js";
import { maskSchedule } from "../../../src/families/mar/mask-schedule.js";
import { guidanceInStep } from "../../../src/model/sampler/guidance.js";

describe("maskSchedule", () => {
  it("equals the reference for 16, 64 and 256 tokens in any number of steps", () => {
    // Hash of the reference's 336 lists of tokens sampled in each step (sample_tokens), one list a line.
    const all = createHash("sha256");
    for (const tokens of [16, 64, 256])
      for (let steps = 1; steps <= tokens; steps++)
        all.update(`${maskSchedule(tokens, steps).map((step) => step.sampled)}\n`);
    expect(all.digest("hex")).toBe("d35ac33d2066e4e76059f5a1a69e57a6d9285792c2d8153ea97ebaf947b4120f");
  });

  it("samples every token once, at least one a step, for any number of steps", () => {
    for (const tokens of [1, 2, 3, 16, 37, 64])
      for (let steps = 1; steps <= tokens; steps++) {
        const schedule = maskSchedule(tokens, steps);
        expect(schedule.length).toBe(steps);
        expect(schedule.reduce((sum, step) => sum + step.sampled, 0)).toBe(tokens);
        expect(schedule.every((step) => step.sampled >= 1)).toBe(true);
      }
  });

  it("refuses steps that the model cannot take", () => {
    expect(() => maskSchedule(64, 65)).toThrow("1 to the model's 64 tokens");
    expect(() => maskSchedule(64, 0)).toThrow(RangeError);
    expect(() => maskSchedule(64, 1.5)).toThrow(RangeError);
  });

  it("keeps a mask length of one in the last step, which samples all that remain", () => {
    expect(maskSchedule(16, 3)).toEqual([
      { masked: 16, sampled: 3, maskedAfter: 13 },
      { masked: 13, sampled: 5, maskedAfter: 8 },
      { masked: 8, sampled: 8, maskedAfter: 1 },
    ]);
  });
});

describe("the two-stage schedule", () => {
  const sampled = (tokens: number, steps: number, late: number) =>
    maskSchedule(tokens, steps, late).map((step) => step.sampled);

  it("has the paper's rates: 2.67, 10.67 and 64 of 256 tokens a step in 32 steps", () => {
    const counts = sampled(256, 32, 2);
    const sum = (from: number, to: number) => counts.slice(from, to).reduce((a, b) => a + b);
    expect([sum(0, 24), sum(24, 30), sum(30, 32)]).toEqual([64, 64, 128]);
    expect([...new Set(counts)]).toEqual([2, 3, 10, 11, 64]);
  });

  it("samples every token once, at least one a step, for any steps and stages", () => {
    const isSound = (tokens: number, schedule: ReturnType<typeof maskSchedule>) => {
      let masked = tokens;
      return (
        schedule.every((step) => {
          const starts = step.masked === masked;
          masked -= step.sampled;
          return starts && step.sampled >= 1 && step.maskedAfter === Math.max(1, masked);
        }) && masked === 0
      );
    };
    for (const tokens of [1, 2, 3, 4, 5, 16, 37, 64])
      for (let steps = 1; steps <= tokens; steps++) {
        const schedules = Array.from({ length: tokens }, (_, late) => maskSchedule(tokens, steps, late + 1));
        expect(schedules.filter((one) => one.length !== steps || !isSound(tokens, one))).toEqual([]);
      }
  });

  it("changes the second half's steps only as far as tokens and steps allow", () => {
    expect(sampled(16, 4, 1)).toEqual([2, 2, 4, 8]);
    expect(sampled(16, 4, 99)).toEqual([8, 2, 3, 3]);
    expect(sampled(16, 16, 1)).toEqual(new Array(16).fill(1));
    expect(sampled(16, 1, 1)).toEqual([16]);
    expect(sampled(16, 4, 0)).toEqual(sampled(16, 4, undefined as unknown as number));
  });
});

describe("guidanceInStep", () => {
  it("grows linearly with the known tokens, as recorded with guidance 3 in 8 steps of 64 tokens", () => {
    const inForce = maskSchedule(64, 8).map((step) => guidanceInStep(3, "linear", 64, step.maskedAfter));
    expect(inForce).toEqual([1.0625, 1.15625, 1.34375, 1.59375, 1.90625, 2.25, 2.625, 2.96875]);
  });

  it("is constant, in float32, where asked", () => {
    expect(guidanceInStep(1.8, "constant", 64, 40)).toBe(Math.fround(1.8));
  });

  it("rounds each operation to float32", () => {
    expect(guidanceInStep(2.9, "linear", 63, 22)).toBe(Math.fround(1 + Math.fround(Math.fround(1.9 * 41) / 63)));
    expect(guidanceInStep(2.9, "linear", 63, 22)).not.toBe(1 + (1.9 * 41) / 63);
  });
});

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
