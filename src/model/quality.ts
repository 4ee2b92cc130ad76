import Type, { type Static } from "typebox";
import type { Manifest } from "./manifest.js";

export const Quality = Type.Union([Type.Literal("low"), Type.Literal("medium"), Type.Literal("high")], {
  description: "Chooses the model's fastest preset (low), its slowest (high), or the one in the middle (medium).",
});
export type Quality = Static<typeof Quality>;

/** The preset that stands for a quality; of two, medium is the slower one. Undefined for a model without presets. */
export function presetOfQuality(quality: Quality, { presets }: Pick<Manifest, "presets">): string | undefined {
  const slowestFirst = Object.keys(presets).sort(bySpeed(presets));
  const last = slowestFirst.length - 1;
  return slowestFirst[{ high: 0, medium: Math.floor(last / 2), low: last }[quality]];
}

/** By measured speed where every preset has one, otherwise by the work that their parameters ask for. */
function bySpeed(presets: Manifest["presets"]): (a: string, b: string) => number {
  const measured = Object.values(presets).every(({ quality }) => quality?.speed !== undefined);
  const speed = (name: string) => (measured ? presets[name]!.quality!.speed! : 1 / work(presets[name]!));
  return (a, b) => speed(a) - speed(b);
}

/** Autoregressive steps times the mean number of diffusion steps. What a preset leaves out is the same for all. */
function work({ parameters }: Manifest["presets"][string]): number {
  const { steps = 1, diffusion_steps = 1, diffusion_steps_final } = parameters;
  return (steps * (diffusion_steps + (diffusion_steps_final ?? diffusion_steps))) / 2;
}
