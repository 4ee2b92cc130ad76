import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { guidanceInStep, maskSchedule } from "../../../src/model/sampler/mask-schedule.js";

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
