import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  COEFFICIENTS,
  cosineAlphaBars,
  DiffusionSchedules,
  diffusionSchedule,
  respacedTimesteps,
  sampledTimesteps,
  timestepFrequencies,
} from "../../../src/model/sampler/diffusion-schedule.js";

describe("respacedTimesteps", () => {
  it("equals the reference for 2 to 1000 diffusion steps", () => {
    // Hash of the hashes of the reference's 999 lists (space_timesteps), each list joined by commas.
    const all = createHash("sha256");
    for (let steps = 2; steps <= 1000; steps++) {
      const kept = respacedTimesteps(steps).join();
      all.update(`${createHash("sha256").update(kept).digest("hex")}\n`);
    }
    expect(all.digest("hex")).toBe("79d6f5c0f1f625e2b59611605d3e1c9ad54a25c72a091e923f87b6a718326fde");
  });

  it("rounds halves to even", () => {
    expect(respacedTimesteps(3)).toEqual([0, 500, 999]);
    expect(respacedTimesteps(5)).toEqual([0, 250, 500, 749, 999]);
  });

  it("refuses fewer than two and more than the trained timesteps", () => {
    for (const steps of [0, 1, 2.5, 1001, Number.NaN]) expect(() => respacedTimesteps(steps)).toThrow("from 2 to 1000");
  });
});

describe("sampledTimesteps", () => {
  it("clamps and drops repeats", () => {
    expect(sampledTimesteps(5, 999)).toEqual([0, 250, 500, 749, 999]);
    expect(sampledTimesteps(5, 749)).toEqual([0, 250, 500, 749]);
    expect(sampledTimesteps(5, 600)).toEqual([0, 250, 500, 600]);
  });

  it("leaves two at least, whatever the clamp", () => {
    for (const steps of [2, 3, 10, 100, 1000]) expect(sampledTimesteps(steps, 1)).toEqual([0, 1]);
    expect(() => sampledTimesteps(10, 0)).toThrow("from 1 to 999");
    expect(() => sampledTimesteps(10, 1000)).toThrow("from 1 to 999");
  });
});

describe("diffusionSchedule", () => {
  // Computed by the reference implementation's own tables, in float32; rows from noisy to clean.
  const reference = [
    [
      20291.169921875, 20291.169921875, 0.7016303539276123, 3.5661891160998493e-5, -0.6778353452682495,
      -4.933658370731564e-9, 1,
    ],
    [
      1.425251841545105, 1.0155504941940308, 0.9999393224716187, 5.705341391148977e-5, -10.095069885253906,
      -0.6778753995895386, 1,
    ],
    [1.0000206232070923, 0.006425412837415934, 1, 0, -10.095069885253906, -10.095029830932617, 0],
  ];

  it("has the reference's tables, from noisy to clean", () => {
    const { steps, timesteps, coefficients } = diffusionSchedule(3, 999);
    expect([...timesteps]).toEqual([999, 500, 0]);
    expect(steps).toBe(3);
    for (let step = 0; step < 3; step++)
      for (let column = 0; column < 7; column++) {
        const expected = Math.fround(reference[step]![column]!);
        expect(coefficients[step * 7 + column], `${COEFFICIENTS[column]} of step ${step}`).toBe(expected);
      }
  });

  it("computes betas over the clamped timesteps", () => {
    const { steps, timesteps, coefficients } = diffusionSchedule(25, 940);
    expect(steps).toBe(24);
    expect([...timesteps.slice(0, 3)]).toEqual([940, 916, 874]);
    const noisiest = [
      10.890978813171387, 10.844972610473633, 0.06417291611433029, 0.7059330344200134, -0.7149404883384705,
      -0.7066283226013184, 1,
    ];
    expect([...coefficients.slice(0, 7)]).toEqual(noisiest.map(Math.fround));
  });

  it("writes the columns in the order the graphs read them", () => {
    expect(COEFFICIENTS).toEqual([
      "sqrtRecipAlphaBar",
      "sqrtRecipAlphaBarMinusOne",
      "posteriorMeanX0",
      "posteriorMeanX",
      "minLogVariance",
      "maxLogVariance",
      "noiseFactor",
    ]);
  });

  it("is finite for every number of steps and any clamp tried", () => {
    for (const steps of [2, 3, 7, 20, 100, 999, 1000])
      for (const highest of [1, 2, 17, 500, 930, 999])
        expect(diffusionSchedule(steps, highest).coefficients.every(Number.isFinite), `${steps}/${highest}`).toBe(true);
  });

  it("starts from alpha-bar 1 / 20291^2 at t = 999", () => {
    expect(1 / Math.sqrt(cosineAlphaBars()[999]!)).toBeCloseTo(20291.17, 2);
    expect(1 / Math.sqrt(cosineAlphaBars()[950]!)).toBeCloseTo(13, 0);
  });
});

describe("timestepFrequencies", () => {
  it("is cosines, then sines, of the original timestep times 10000^(-i / half)", () => {
    const rows = timestepFrequencies([0, 1, 999], 8);
    expect([...rows.slice(0, 8)]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    for (let i = 0; i < 4; i++) {
      expect(rows[8 + i]).toBeCloseTo(Math.cos(10_000 ** (-i / 4)), 6);
      expect(rows[12 + i]).toBeCloseTo(Math.sin(10_000 ** (-i / 4)), 6);
      expect(rows[16 + i]).toBeCloseTo(Math.cos(999 * 10_000 ** (-i / 4)), 4);
    }
  });

  it("takes its angles in float32, as the reference does", () => {
    const frequency = Math.fround(Math.exp(Math.fround(Math.fround(Math.fround(-Math.log(10_000)) * 3) / 128)));
    const sinusoids = timestepFrequencies([997], 256);
    expect(sinusoids[3]).toBe(Math.fround(Math.cos(Math.fround(997 * frequency))));
    expect(sinusoids[128 + 3]).toBe(Math.fround(Math.sin(Math.fround(997 * frequency))));
  });

  it("ends in a zero where the channels are odd", () => {
    expect([...timestepFrequencies([5], 3)]).toEqual([Math.fround(Math.cos(5)), Math.fround(Math.sin(5)), 0]);
  });
});

describe("DiffusionSchedules", () => {
  it("gives the same object again, and forgets the least recently used beyond its limit", () => {
    const schedules = new DiffusionSchedules(16, 2);
    const first = schedules.get(5, 999);
    const second = schedules.get(6, 999);
    expect(first.frequencies.length).toBe(5 * 16);
    expect(schedules.get(5, 999)).toBe(first);
    schedules.get(7, 999);
    expect(schedules.get(5, 999)).toBe(first);
    expect(schedules.get(6, 999)).not.toBe(second);
  });
});
