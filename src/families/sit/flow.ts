import type { FamilyParameters } from "../../model/family-traits.js";
import type { Evaluation, StepStart } from "../dit/evaluation.js";

/**
 * The way from noise (t = 0) to an image (t = 1): x_t = t image + (1 - t) noise. The network's output is the velocity
 * dx/dt, which is image - noise on average. Ma et al., "SiT", arXiv 2401.08740; `transport/` of the official code.
 */

/** `sde` ends with a step of this length and without noise (`--last-step Mean`, `--last-step-size`). */
const LAST_STEP = 0.04;

type Sampler = FamilyParameters<"sit">["sampler"];

/** The network's evaluations in `steps` steps: one a step, and two with `heun`. */
export function flowEvaluations(sampler: Sampler, steps: number): Evaluation[] {
  if (sampler === "sde") return stochasticSteps(steps);
  const times = evenTimes(1, steps + 1);
  return times.slice(1).flatMap((end, i) => {
    const start = times[i]!;
    const stride = Math.fround(end - start);
    return sampler === "heun" ? heunStep(start, stride) : [eulerStep(start, stride)];
  });
}

function eulerStep(t: number, stride: number): Evaluation {
  return evaluation(t, ({ x, velocity }) => x + stride * velocity);
}

/** Torchdiffeq's `heun2`: an Euler step, then the same step along the mean of the velocities at its ends. */
function heunStep(t: number, stride: number): Evaluation[] {
  const first = eulerStep(t, stride);
  return [
    { ...first, move: (input) => ({ ...first.move(input), start: { x: input.x, velocity: input.guided } }) },
    evaluation(Math.fround(t + stride), ({ velocity, start }) => start.x + (stride / 2) * (start.velocity + velocity)),
  ];
}

/**
 * Euler-Maruyama with the diffusion w = 1 - t (`--diffusion-form sigma`): dx = (velocity + w score) dt + sqrt(2 w) dW,
 * where the score is (t velocity - x) / (1 - t).
 */
function stochasticSteps(steps: number): Evaluation[] {
  const times = evenTimes(1 - LAST_STEP, steps);
  const stride = Math.fround(times[1]! - times[0]!);
  return times.map((t, i) => {
    const drift = ({ x, velocity }: Terms) => velocity + t * velocity - x;
    if (i === steps - 1) return evaluation(t, (terms) => terms.x + LAST_STEP * drift(terms));
    const deviation = Math.sqrt(2 * (1 - t) * stride);
    return evaluation(t, (terms) => terms.x + stride * drift(terms) + deviation * terms.noise, true);
  });
}

/** One number of each tensor. */
interface Terms {
  readonly x: number;
  readonly velocity: number;
  readonly noise: number;
  readonly start: { readonly x: number; readonly velocity: number };
}

/** An evaluation that moves each number by itself, in float64. */
function evaluation(t: number, next: (terms: Terms) => number, takesNoise = false): Evaluation {
  return {
    timestep: t,
    takesNoise,
    move({ x, guided, noise, start = { x, velocity: guided } }) {
      const moved = { x: new Float32Array(x.length), x0: new Float32Array(x.length) };
      for (let i = 0; i < x.length; i++) {
        const velocity = guided[i]!;
        moved.x[i] = next({ x: x[i]!, velocity, noise: noise[i]!, start: at(start, i) });
        moved.x0[i] = x[i]! + (1 - t) * velocity;
      }
      return moved;
    },
  };
}

function at({ x, velocity }: StepStart, i: number): Terms["start"] {
  return { x: x[i]!, velocity: velocity[i]! };
}

/** `torch.linspace(0, end, count)`: float32, counted from the nearer end, each product and its difference rounded once. */
function evenTimes(end: number, count: number): number[] {
  const last = Math.fround(end);
  const stride = Math.fround(last / (count - 1));
  const half = Math.floor(count / 2);
  return Array.from({ length: count }, (_, i) => Math.fround(i < half ? stride * i : last - stride * (count - 1 - i)));
}
