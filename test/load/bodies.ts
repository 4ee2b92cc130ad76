import { mulberry32 } from "./open-loop.js";

const CLASSES = 12;

/** Every request alike but for class and seed: the model's defaults. */
export const defaultBody = (index: number) => ({ class: index % CLASSES, seed: 1000 + index });

/** Steps from 8 to 64, evenly drawn and the same for the same number: what keeps a static batch waiting for its longest. */
export function mixedSteps(index: number) {
  const random = mulberry32(index + 1);
  random();
  return { ...defaultBody(index), steps: 8 + Math.floor(random() * 57) };
}

/** Steps, guidance, temperature, diffusion steps and classes all differ. */
export function mixedParameters(index: number) {
  const random = mulberry32(index + 77);
  random();
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)]!;
  return {
    class: random() < 0.1 ? null : index % CLASSES,
    seed: 5000 + index,
    steps: pick([8, 16, 32, 64]),
    guidance_scale: pick([1, 2, 3]),
    guidance_schedule: pick(["constant", "linear"]),
    temperature: pick([0.9, 1]),
    diffusion_steps: pick([15, 25, 50]),
  };
}
