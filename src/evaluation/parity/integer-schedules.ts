import { createHash } from "node:crypto";
import { type DiffusionStep, scheduleOf } from "../../families/dit/schedule.js";
import { maskSchedule } from "../../families/mar/mask-schedule.js";
import { respacedTimesteps } from "../../model/sampler/diffusion-schedule.js";
import { keptTimesteps } from "./dit.js";
import type { Report } from "./report.js";

/** `schedules.json` of a DiT: timesteps by respacing, rising, and the coefficients of some of them. */
export interface RecordedDitSchedules {
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

export function compareDitSchedules({ timesteps, coefficients }: RecordedDitSchedules, report: Report): void {
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

/** `schedules.json` of the reference: every case of the two integer schedules. */
export interface RecordedSchedules {
  /** mask[L][n]: tokens sampled in each of n autoregressive steps. */
  readonly mask: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  /** respaced[S]: the timesteps, of 1000, that S diffusion steps keep, ascending. */
  readonly respaced: Readonly<Record<string, readonly number[]>>;
  /** SHA-256 of the same list joined by commas. */
  readonly respaced_sha256: Readonly<Record<string, string>>;
}

export function compareSchedules(recorded: RecordedSchedules, report: Report): void {
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
