import type { SamplingParameters } from "../../src/model/parameters.js";

/** One setting of the sweep: what it changes of the defaults, and the share of its images that must be recognised. */
export interface Setting {
  readonly changes: Partial<SamplingParameters>;
  /** Absent where the setting is not reasonable: the image must come, whatever it shows. */
  readonly recognisedShare?: number;
}

/**
 * One factor at a time around the demo's defaults. Not reasonable: one step, where every token is drawn without knowing
 * any other; and five diffusion steps, whose strides are too long for the noisy end of the schedule.
 */
export const SETTINGS: readonly Setting[] = [
  { changes: { steps: 1 } },
  { changes: { steps: 8 }, recognisedShare: 0.8 },
  { changes: { steps: 64 }, recognisedShare: 0.8 },
  ...(["linear", "constant"] as const).flatMap((guidance_schedule) =>
    [1, 2, 4].map((guidance_scale) => ({ changes: { guidance_scale, guidance_schedule }, recognisedShare: 0.8 })),
  ),
  ...[0.8, 0.9, 1.0, 1.1].map((temperature) => ({ changes: { temperature }, recognisedShare: 0.8 })),
  { changes: { diffusion_steps: 5 } },
  { changes: { diffusion_steps: 25 }, recognisedShare: 0.8 },
  { changes: { diffusion_steps: 100 }, recognisedShare: 0.8 },
];

export const describeSetting = ({ changes }: Setting): string =>
  Object.entries(changes)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
