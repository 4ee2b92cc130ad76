import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SweepPoint } from "../../../src/commands/sweep/points.js";
import { SweepResults } from "../../../src/commands/sweep/results.js";

const SETTINGS = { model: "demo", model_hash: "1", seed: 0, images: 12, feature_network_sha256: "2" };
const MEASURES = { images: 12, frechet_distance: 0.5, frechet_interval: [0.4, 0.6], precision: 0.7 };
const PARAMETERS = {
  steps: 8,
  guidance_scale: 1,
  guidance_schedule: "linear",
  temperature: 1,
  diffusion_steps: 10,
  max_timestep: 950,
  order: "random",
} as const;
const POINT: SweepPoint = { name: "fast", parameters: PARAMETERS };
const MEASURED = { kind: "measured", ...SETTINGS, ...POINT, measures: MEASURES };
const ROUND = { kind: "round", batch: 12, ms: { fast: 3 } };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-results-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(...lines: unknown[]): Promise<SweepResults> {
  const path = join(folder, "results.jsonl");
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return SweepResults.open(path, SETTINGS);
}
const measuredAs = (measures: object) => ({ ...MEASURED, measures: { ...MEASURES, ...measures } });

it("reads measures and rounds", async () => {
  const results = await read(MEASURED, ROUND);
  expect(results.measuresOf(POINT)).toEqual(MEASURES);
  expect(results.roundsOf([POINT])).toEqual([ROUND.ms]);
});

it.each([
  measuredAs({ frechet_distance: "abc" }),
  measuredAs({ frechet_distance: undefined }),
  measuredAs({ frechet_interval: [0.4] }),
  measuredAs({ recall: null }),
  { ...MEASURED, measures: undefined },
  { ...MEASURED, seed: "0" },
  { ...ROUND, ms: { fast: "3" } },
  { ...ROUND, ms: { fast: 0 } },
  { ...ROUND, ms: null },
  null,
])("counts a wrongly typed line as none: %j", async (line) => {
  const results = await read(line);
  expect(results.measuresOf(POINT)).toBeUndefined();
  expect(results.roundsOf([POINT])).toEqual([]);
});
