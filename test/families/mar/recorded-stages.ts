import { describe, expect, test } from "vitest";
import { COEFFICIENTS, DiffusionSchedules } from "../../../src/model/sampler/diffusion-schedule.js";
import { readRecording } from "../../model/tiny.js";
import type { TypedRuntime } from "./typed-runtime.js";

export const stages = readRecording("stages.safetensors");
const tensor = (name: string) => stages.get(name)!;

export function relativeError(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  let square = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    square += expected[i]! ** 2;
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  return worst / Math.sqrt(square / expected.length);
}

/** Compares each stage of a step with the recordings, and what lies between where the graphs expose it. */
export function describeStages(
  runtime: () => Pick<TypedRuntime, "predict" | "denoise">,
  { exposed, isSlow = false }: { readonly exposed: boolean /** A sixth of them must do. */; readonly isSlow?: boolean },
): void {
  test.each(isSlow ? [1, 3] : [0, 1, 2, 3])("predict %i equals the recording", async (j) => {
    const tokens = tensor(`predict.${j}.tokens`);
    const mask = tensor(`predict.${j}.mask`).data;
    const [B, L, C] = tokens.shape as [number, number, number];
    const knownOf = Array.from({ length: B }, (_, b) =>
      Array.from({ length: L }, (_, p) => p).filter((p) => mask[b * L + p] === 0),
    );
    const known = knownOf[0]!.length;
    const rows = 2 * B;
    const batch = {
      rows,
      known,
      tokens: new Float32Array(rows * known * C),
      positions: new BigInt64Array(rows * known),
      knownCounts: new BigInt64Array(rows).fill(BigInt(known)),
      classes: BigInt64Array.from([0n, 9n, 10n, 10n]),
      placement: new BigInt64Array(rows * L).fill(BigInt(known)),
      targetCount: L,
      targets: BigInt64Array.from({ length: rows * L }, (_, i) => BigInt(i % L)),
    };
    for (let row = 0; row < rows; row++) {
      knownOf[row % B]!.forEach((p, i) => {
        const from = ((row % B) * L + p) * C;
        batch.tokens.set(tokens.data.subarray(from, from + C), (row * known + i) * C);
        batch.positions[row * known + i] = BigInt(p);
        batch.placement[row * L + p] = BigInt(i);
      });
    }
    const out = await runtime().predict(batch);
    const errors = {
      z: relativeError(out.z, tensor(`predict.${j}.decoder`).data),
      ...(exposed && {
        encoder: relativeError(out.encoder!, tensor(`predict.${j}.encoder`).data),
        decoder: relativeError(out.decoder!, tensor(`predict.${j}.decoder`).data),
      }),
    };
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-4);
  });

  describe.each([0, 1])("denoise %i", (j) => {
    const guidance = tensor(`denoise.${j}.guidance`).data[0]!;
    const rows = 5;
    const guidedRows = guidance === 1 ? 0 : rows;
    const timesteps = tensor("denoise.timestep").data;
    const schedule = new DiffusionSchedules(256).get(timesteps.length, 999);
    const slice = (name: string, step: number) => {
      const { data, shape } = tensor(name);
      const size = data.length / shape[0]!;
      return data.slice(step * size, (step + 1) * size);
    };

    test.each(Array.from(timesteps, (_, k) => k).filter((k) => !isSlow || k % 7 === 0))(
      "diffusion step %i equals the recording",
      async (k) => {
        const z = tensor("denoise.z").data;
        const out = await runtime().denoise({
          rows,
          guidedRows,
          steps: 1,
          x: slice("denoise.x", k),
          z: z.slice(0, rows * 64),
          zUnconditional: z.slice(rows * 64, (rows + guidedRows) * 64),
          guidance: new Float32Array(guidedRows).fill(guidance),
          temperature: new Float32Array(rows).fill(tensor(`denoise.${j}.temperature`).data[0]!),
          noise: slice("denoise.noise", k),
          frequencies: schedule.frequencies.slice(k * 256, (k + 1) * 256),
          coefficients: schedule.coefficients.slice(k * COEFFICIENTS.length, (k + 1) * COEFFICIENTS.length),
        });
        expect(schedule.timesteps[k]).toBe(timesteps[k]);
        expect(relativeError(out.x, slice(`denoise.${j}.out`, k))).toBeLessThan(5e-4);
        if (exposed) expect(relativeError(out.network!, slice(`denoise.${j}.network`, k))).toBeLessThan(1e-4);
      },
    );
  });
}
