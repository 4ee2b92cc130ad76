import { describe, expect, it } from "vitest";
import { flowEvaluations } from "../../../src/families/sit/flow.js";
import { exampleSit, sitImage, sitRequest } from "./tiny-sit.js";

const SAMPLERS = ["euler", "heun", "sde"] as const;
const one = (value: number) => new Float32Array(1).fill(value);

/** Samples one number with a network that knows the velocity. */
function sampled(
  sampler: (typeof SAMPLERS)[number],
  steps: number,
  x: number,
  velocityAt: (x: number, t: number) => number,
) {
  let moved: ReturnType<ReturnType<typeof flowEvaluations>[number]["move"]> = { x: one(x), x0: one(0) };
  for (const { timestep, move } of flowEvaluations(sampler, steps)) {
    const velocity = one(velocityAt(moved.x[0]!, timestep));
    moved = move({ x: moved.x, start: moved.start, output: velocity, guided: velocity, noise: one(0) });
  }
  return moved.x[0]!;
}

describe("a flow", () => {
  it.each(SAMPLERS)("of %s goes from the noise towards the image", (sampler) => {
    const timesteps = flowEvaluations(sampler, 10).map(({ timestep }) => timestep);
    expect(timesteps[0]).toBe(0);
    expect(timesteps).toEqual([...timesteps].sort((a, b) => a - b));
    expect(timesteps.at(-1)).toBeCloseTo({ euler: 0.9, heun: 1, sde: 0.96 }[sampler], 6);
    expect(timesteps.length).toBe(sampler === "heun" ? 20 : 10);
  });

  it("has torch.linspace's times, to the last bit", () => {
    const times = [
      0, 0.07692308, 0.15384616, 0.23076925, 0.30769232, 0.3846154, 0.4615385, 0.5384615, 0.6153846, 0.6923077,
      0.7692308, 0.84615386, 0.9230769,
    ];
    expect(flowEvaluations("euler", 13).map(({ timestep }) => timestep)).toEqual(times.map(Math.fround));
  });

  it("ends at the image where the velocity leads straight to it", () => {
    for (const sampler of ["euler", "heun"] as const)
      for (const steps of [2, 3, 250]) expect(sampled(sampler, steps, -2, () => 5)).toBeCloseTo(3, 4);
  });

  it("of heun is of the second order", () => {
    const error = (steps: number) => Math.abs(sampled("heun", steps, 1, (x) => x) - Math.E);
    expect(error(20) / error(40)).toBeCloseTo(4, 0);
  });

  it("of sde draws noise in every step but the last", () => {
    const evaluations = flowEvaluations("sde", 4);
    expect(evaluations.map(({ takesNoise }) => takesNoise)).toEqual([true, true, true, false]);
    const [first] = evaluations;
    const input = { x: one(1), start: undefined, output: one(0), guided: one(0) };
    const deviation = first!.move({ ...input, noise: one(1) }).x[0]! - first!.move({ ...input, noise: one(0) }).x[0]!;
    expect(deviation).toBeCloseTo(Math.sqrt(2 * 0.32), 5);
  });

  it("expects the image at the end of the velocity", () => {
    const [, second] = flowEvaluations("euler", 4);
    const { x0 } = second!.move({ x: one(2), start: undefined, output: one(4), guided: one(4), noise: one(0) });
    expect(x0[0]).toBe(2 + 0.75 * 4);
  });
});

it("an image in flight counts two evaluations of heun as one step", () => {
  const image = sitImage(sitRequest({ steps: 2, sampler: "heun" }), exampleSit());
  const steps = [];
  while (image.step < image.steps) {
    steps.push(image.step);
    image.outputs = image.classes.map(() => new Float32Array(2 * image.x.length));
    expect(image.sample()).toBe(true);
    image.advance();
  }
  expect(steps).toEqual([0, 0, 1, 1]);
});
