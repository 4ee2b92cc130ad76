import { describe, expect, it } from "vitest";
import { warmUp } from "../../../src/engine/warm-up.js";
import { emptyTokens } from "../../../src/families/heads/head-image.js";
import { likeliestLast } from "../../../src/families/mar/confidence.js";
import { MarImage } from "../../../src/families/mar/image.js";
import { maskSchedule } from "../../../src/families/mar/mask-schedule.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import type { CategoricalMarArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { ImageNoise } from "../../../src/model/sampler/noise.js";
import { expectAsAlone, freshImageAlone, useModel, WatchedBatch } from "../../engine/tiny-engine.js";
import { importPaper } from "../heads/paper.js";

type Request = ImageRequest<FamilyParameters<"mar">>;

function codesRequest(change: Partial<FamilyParameters<"mar">> = {}, seed = 1, imageIndex = 0): Request {
  const plain = { class: 3, steps: 4, guidance_scale: 2, guidance_schedule: "linear", temperature: 1, order: "random" };
  return { parameters: { ...plain, ...change } as FamilyParameters<"mar">, seed, imageIndex };
}

const SUBJECTS = [
  codesRequest(),
  codesRequest({ guidance_scale: 1, steps: 16, top_k: 5 }, 2),
  codesRequest({ class: null, steps: 3 }, 3),
  codesRequest({ order: "confidence", steps: 5 }, 4),
  codesRequest({ order: "confidence", confidence_noise: 0, guidance_scale: 1, top_p: 0.9 }, 4, 1),
  codesRequest({ order: "checkerboard", guidance_schedule: "constant", temperature: 0.5 }, 5),
];

describe.each([
  ["mar-codes", "fp32"],
  ["mar-codes-odd", "int8"],
] as const)("a MAR that draws codes, %s in %s", (name, precision) => {
  const model = useModel(() => importPaper(name, precision), 2);

  it("gives each image the bytes that it has alone, whatever is in flight", async () => {
    const mixed = new WatchedBatch(model.runtime, model.manifest);
    await expectAsAlone(mixed, model.single, SUBJECTS, (step) => {
      if (step === 1) for (let id = 100; id < 103; id++) mixed.submit(id, codesRequest({ order: "confidence" }, id));
      if (step === 2) mixed.batch.cancel(101);
    });
    expect(mixed.ended.get(101)?.reason).toBe("cancelled");
  });

  it("makes another image of another order, seed or confidence", async () => {
    const requests = [
      ...SUBJECTS,
      codesRequest({ order: "confidence", confidence_noise: 0, steps: 5 }, 4),
      codesRequest({}, 9),
    ];
    const images = new Set<string>();
    for (const request of requests) images.add(await freshImageAlone(model.single, model.manifest, request));
    expect(images.size).toBe(requests.length);
  });

  it("cannot edit, has no diffusion, and warms up", async () => {
    const generator = model.manifest.architecture.generator as CategoricalMarArchitecture;
    expect(generator.head_kind).toBe("categorical");
    expect(model.manifest.defaults).not.toHaveProperty("diffusion_steps");
    expect(await warmUp(model.single, model.manifest.architecture, 3)).toBe(3);
  });
});

describe("the order of confidence", () => {
  const model = {
    token_count: 16,
    token_channels: 1,
    head_kind: "categorical",
    grid_width: 4,
  } as CategoricalMarArchitecture;
  const image = (change: Partial<FamilyParameters<"mar">> = {}) =>
    new MarImage(codesRequest({ order: "confidence", confidence_noise: 0, ...change }), model);

  it("keeps the likeliest codes of each step, as many as the schedule says, and forgets the others", () => {
    const one = image();
    for (const { masked, sampled } of maskSchedule(16, 4)) {
      expect([...one.targets]).toEqual([...one.targets].sort((a, b) => a - b));
      expect(one.targets.length).toBe(masked);
      const likely = [...one.targets].sort((a, b) => ((7 * b) % 16) - ((7 * a) % 16)).slice(0, sampled);
      for (const position of one.targets) {
        one.tokens[position] = position;
        one.probabilities![position] = ((7 * position) % 16) / 20 + 0.01;
      }
      const before = new Set(one.knownPositions.subarray(0, one.knownCount));
      one.advance();
      const known = [...one.knownPositions.subarray(0, one.knownCount)];
      expect(known.filter((position) => !before.has(position))).toEqual(likely.sort((a, b) => a - b));
      for (let position = 0; position < 16; position++)
        expect(one.tokens[position]).toBe(known.includes(position) ? position : -1);
    }
  });

  it("adds Gumbel noise that falls with the steps, and none in the last", () => {
    const targets = Int32Array.from({ length: 16 }, (_, i) => i);
    const kept = (step: number, confidence_noise: number) => {
      const order = targets.slice();
      const probabilities = Float64Array.from({ length: 16 }, (_, i) => Math.exp(i - 16));
      const state = { targets: order, probabilities, noise: new ImageNoise(5, 0), step, steps: 4 };
      const parameters = { ...codesRequest().parameters, confidence_noise };
      likeliestLast(
        {
          ...state,
          parameters,
          tokens: emptyTokens(model),
          z: probabilities,
          zUnconditional: probabilities,
          guidance: 1,
        } as never,
        4,
      );
      return [...order.subarray(12)];
    };
    expect(kept(0, 0)).toEqual([12, 13, 14, 15]);
    expect(kept(3, 100)).toEqual([12, 13, 14, 15]);
    expect(kept(0, 100)).not.toEqual([12, 13, 14, 15]);
    expect(kept(0, 100)).toEqual(kept(0, 100));
  });
});
