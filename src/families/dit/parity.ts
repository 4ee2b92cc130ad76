import type { Report } from "../../evaluation/parity/report.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import { respacedTimesteps, TRAIN_TIMESTEPS } from "../../model/sampler/diffusion-schedule.js";
import { diffusionEvaluations } from "./diffusion-step.js";
import { networkParity } from "./parity/network.js";
import { type DiffusionStep, scheduleOf } from "./schedule.js";

export const dit = networkParity<DitArchitecture>({
  outputHalves: 2,
  evaluations: (recording, generator) =>
    diffusionEvaluations(
      recording.metadata("sampler") as FamilyParameters<"dit">["sampler"],
      scheduleOf(keptTimesteps(recording.metadata("respacing") as string)),
      generator,
    ),
  schedules: { key: "timesteps", compare: compareSchedules },
});

/** `schedules.json` of a DiT: timesteps by respacing, rising, and the coefficients of some of them. */
interface RecordedSchedules {
  readonly timesteps: Readonly<Record<string, readonly number[]>>;
  readonly coefficients: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

/** Of float64 tables: sums and logarithms may differ in their last digits. */
const ALLOWED_COEFFICIENT = 1e-12;

/** What our schedule has of the recorded coefficients. */
const COEFFICIENT_OF: Readonly<Record<string, (step: DiffusionStep) => number>> = {
  betas: (step) => Math.exp(step.maxLogVariance),
  alphas_cumprod: (step) => step.sqrtRecipAlphaBar ** -2,
  alphas_cumprod_prev: (step) => step.previousAlphaBar,
  posterior_variance: (step) => step.noiseFactor * Math.exp(step.minLogVariance),
  posterior_log_variance_clipped: (step) => step.minLogVariance,
  posterior_mean_coef1: (step) => step.posteriorMeanX0,
  posterior_mean_coef2: (step) => step.posteriorMeanX,
  sqrt_recip_alphas_cumprod: (step) => step.sqrtRecipAlphaBar,
  sqrt_recipm1_alphas_cumprod: (step) => step.sqrtRecipAlphaBarMinusOne,
};

function compareSchedules({ timesteps, coefficients }: RecordedSchedules, report: Report): void {
  const name = "schedules.json";
  for (const [respacing, kept] of Object.entries(timesteps)) {
    const ours = keptTimesteps(respacing);
    const note = `ours ${ours}, recorded ${kept}`;
    report.holds(name, "respaced timesteps", respacing, `${ours}` === `${kept}`, note);
  }
  for (const [respacing, recorded] of Object.entries(coefficients)) {
    const rising = scheduleOf(keptTimesteps(respacing)).reverse();
    for (const [coefficient, data] of Object.entries(recorded)) {
      const of = COEFFICIENT_OF[coefficient];
      if (!of) throw new Error(`schedules.json has coefficients that nothing compares: ${coefficient}.`);
      const ours = { shape: [rising.length], data: rising.map(of) };
      const expected = { shape: [data.length], data };
      report.numbers(name, "coefficients", `${respacing}, ${coefficient}`, ALLOWED_COEFFICIENT, ours, expected);
    }
  }
}

/** The timesteps that an official respacing keeps, rising: "25", "ddim25" (one stride) or "10,20,5" (sections). */
function keptTimesteps(respacing: string): number[] {
  const strided = /^ddim(\d+)$/.exec(respacing);
  if (strided) {
    for (let stride = 1; stride <= TRAIN_TIMESTEPS; stride++)
      if (Math.ceil(TRAIN_TIMESTEPS / stride) === Number(strided[1]))
        return Array.from({ length: Number(strided[1]) }, (_, i) => i * stride);
    throw new Error(`No stride keeps as many of ${TRAIN_TIMESTEPS} timesteps as ${respacing}.`);
  }
  const sections = respacing.split(",").map(Number);
  let start = 0;
  return sections.flatMap((kept, i) => {
    const size = Math.floor(TRAIN_TIMESTEPS / sections.length) + Number(i < TRAIN_TIMESTEPS % sections.length);
    const first = start;
    start += size;
    return respacedTimesteps(kept, size).map((timestep) => first + timestep);
  });
}
