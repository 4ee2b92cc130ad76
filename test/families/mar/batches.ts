import type { DenoiseBatch } from "../../../src/families/heads/denoise.js";
import type { PredictBatch } from "../../../src/families/mar/predict.js";
import type { MarArchitecture } from "../../../src/model/manifest.js";
import { COEFFICIENTS, DiffusionSchedules } from "../../../src/model/sampler/diffusion-schedule.js";
import { normals, uniform } from "../../model/random.js";

/** One transformer row with what it asks for. */
export interface PredictRow {
  readonly positions: readonly number[]; // of the known tokens
  readonly tokens: Float32Array; // [known, C]
  readonly class: number;
  readonly targets: readonly number[];
}

export function predictRow(a: MarArchitecture, known: number, targets: number, seed: number): PredictRow {
  const draw = uniform(seed);
  const order = Array.from({ length: a.token_count }, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return {
    positions: order.slice(0, known),
    tokens: normals(known * a.token_channels, seed + 1),
    class: Math.floor(draw() * (a.class_count + 1)),
    targets: order.slice(known, known + targets),
  };
}

/** Rows padded to `known` tokens and `targetCount` targets; the padding holds `filler`, which must not matter. */
export function predictBatch(
  a: MarArchitecture,
  rows: readonly PredictRow[],
  known: number,
  { filler = 0, targetCount = Math.max(...rows.map((row) => row.targets.length)) } = {},
): PredictBatch {
  const L = a.token_count;
  const C = a.token_channels;
  const tokens = new Float32Array(rows.length * known * C).fill(filler);
  const positions = new BigInt64Array(rows.length * known);
  const placement = new BigInt64Array(rows.length * L).fill(BigInt(known));
  const targets = new BigInt64Array(rows.length * targetCount).fill(BigInt(Math.ceil(filler)));
  rows.forEach((row, r) => {
    targets.set(row.targets.map(BigInt), r * targetCount);
    tokens.set(row.tokens, r * known * C);
    row.positions.forEach((position, i) => {
      positions[r * known + i] = BigInt(position);
      placement[r * L + position] = BigInt(i);
    });
  });
  return {
    rows: rows.length,
    known,
    tokens,
    positions,
    placement,
    knownCounts: BigInt64Array.from(rows, (row) => BigInt(row.positions.length)),
    classes: BigInt64Array.from(rows, (row) => BigInt(row.class)),
    targetCount,
    targets,
  };
}

/** The z of each row's own targets, of what `predict` made of all rows. */
export function zOfRows(rows: readonly PredictRow[], z: Float32Array, targetCount: number): Float32Array[] {
  const width = z.length / rows.length / targetCount;
  return rows.map(({ targets }, r) => z.slice(r * targetCount * width, (r * targetCount + targets.length) * width));
}

/** One token of a denoise call. */
export interface DenoiseRow {
  readonly x: Float32Array; // [C]
  readonly z: Float32Array; // [D]
  readonly zUnconditional?: Float32Array; // [D]
  readonly guidance: number;
  readonly temperature: number;
  readonly noise: Float32Array; // [S, C]
}

export function denoiseRow(a: MarArchitecture, steps: number, guided: boolean, seed: number): DenoiseRow {
  return {
    x: normals(a.token_channels, seed),
    z: normals(a.decoder.width, seed + 1),
    ...(guided ? { zUnconditional: normals(a.decoder.width, seed + 2) } : {}),
    guidance: 1 + uniform(seed)() * 3,
    temperature: 0.9 + uniform(seed + 3)() / 5,
    noise: normals(steps * a.token_channels, seed + 4),
  };
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Steps [from, to) of a schedule of `steps`, clamped at 940, over these rows; those with guidance must come first. */
export function denoiseBatch(
  a: MarArchitecture,
  rows: readonly DenoiseRow[],
  steps: number,
  from = 0,
  to = steps,
): DenoiseBatch {
  const C = a.token_channels;
  const F = a.head.frequency_channels;
  const schedule = new DiffusionSchedules(F).get(steps, 940);
  const guided = rows.filter((row) => row.zUnconditional);
  const noise = [];
  for (let step = from; step < to; step++) {
    for (const row of rows) noise.push(row.noise.subarray(step * C, (step + 1) * C));
  }
  return {
    rows: rows.length,
    guidedRows: guided.length,
    steps: to - from,
    x: concat(rows.map((row) => row.x)),
    z: concat(rows.map((row) => row.z)),
    zUnconditional: concat(guided.map((row) => row.zUnconditional as Float32Array)),
    guidance: Float32Array.from(guided, (row) => row.guidance),
    temperature: Float32Array.from(rows, (row) => row.temperature),
    noise: concat(noise),
    frequencies: schedule.frequencies.slice(from * F, to * F),
    coefficients: schedule.coefficients.slice(from * COEFFICIENTS.length, to * COEFFICIENTS.length),
  };
}
