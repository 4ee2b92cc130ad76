import { createHash } from "node:crypto";
import type { FamilyParity } from "../../evaluation/parity/family-parity.js";
import type { Report } from "../../evaluation/parity/report.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import { respacedTimesteps } from "../../model/sampler/diffusion-schedule.js";
import { maskSchedule } from "./mask-schedule.js";
import { ParityModel } from "./parity/model.js";
import { compareRun } from "./parity/sampling.js";
import { compareEncode, compareStages } from "./parity/stages.js";

export const mar: FamilyParity<AnyMarArchitecture> = {
  stagesMarkers: ["predict.0.tokens"],
  runMarker: "num_iter",
  compareStages: (model, recording, report) => compareStages(new ParityModel(model), recording, report),
  compareRun: (model, recording, report) => compareRun(new ParityModel(model), recording, report),
  compareEncode: (model, recording, report) => compareEncode(new ParityModel(model), recording, report),
  schedules: { key: "mask", compare: compareSchedules },
};

/** `schedules.json` of the reference: every case of the two integer schedules. */
interface RecordedSchedules {
  /** mask[L][n]: tokens sampled in each of n autoregressive steps. */
  readonly mask: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  /** respaced[S]: the timesteps, of 1000, that S diffusion steps keep, ascending. */
  readonly respaced: Readonly<Record<string, readonly number[]>>;
  /** SHA-256 of the same list joined by commas. */
  readonly respaced_sha256: Readonly<Record<string, string>>;
}

function compareSchedules(recorded: RecordedSchedules, report: Report): void {
  const name = "schedules.json";
  for (const [tokens, bySteps] of Object.entries(recorded.mask)) {
    for (const [steps, sampled] of Object.entries(bySteps)) {
      const ours = maskSchedule(Number(tokens), Number(steps)).map((step) => step.sampled);
      const at = `${tokens} tokens, ${steps} steps`;
      report.holds(name, "mask schedule", at, `${ours}` === `${sampled}`, `ours ${ours}, recorded ${sampled}`);
    }
  }
  for (const [steps, kept] of Object.entries(recorded.respaced)) {
    const ours = respacedTimesteps(Number(steps));
    report.holds(
      name,
      "respaced timesteps",
      `${steps} steps`,
      `${ours}` === `${kept}`,
      `ours ${ours}, recorded ${kept}`,
    );
  }
  for (const [steps, hash] of Object.entries(recorded.respaced_sha256)) {
    const ours = createHash("sha256")
      .update(respacedTimesteps(Number(steps)).join(","))
      .digest("hex");
    report.holds(name, "respaced timesteps", `${steps} steps`, ours === hash, `ours have SHA-256 ${ours}, not ${hash}`);
  }
}
