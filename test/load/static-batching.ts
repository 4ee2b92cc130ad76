// Makes a worker batch whole requests, to measure continuous batching against (request-level scheduling; Yu et al., Orca,
// OSDI 2022, section 2): `node --import ./bench/typescript.js --import ./test/load/static-batching.ts dist/main.js worker`.
// It is loaded in the worker's engine threads too, and wraps every family there.
import type { Family, ImageState, Sampler, Stage } from "../../src/engine/family.js";
import { type StepRuns, stepRuns } from "../../src/engine/step-runs.js";
import { FAMILIES } from "../../src/families/families.js";
import type { FamilyName } from "../../src/model/family-traits.js";

/**
 * A batch stays whole from its first step to its last: nobody joins it, and all its images come out at its end. In
 * `static` the transformer rows of images that are done are computed to the end, as in an engine whose batch is one tensor;
 * in `static-ragged` they cost nothing, which is the most that such an engine could save.
 */
export const STATIC_MODES = ["static", "static-ragged"] as const;
export type StaticMode = (typeof STATIC_MODES)[number];

/** The settings of a worker that batches so. Its engine takes two batches at a time, so that the next one always waits. */
export function staticEnvironment(mode: StaticMode, batch: number): Readonly<Record<string, string>> {
  const modules = ["../../bench/typescript.js", "static-batching.ts"].map(
    (file) => new URL(file, import.meta.url).href,
  );
  return {
    NODE_OPTIONS: modules.map((url) => `--import=${url}`).join(" "),
    STATIC_BATCHING: mode,
    STATIC_BATCH: String(batch),
    // A worker takes 1.5 times as many images as this.
    MAX_BATCH: String(Math.ceil((2 * batch) / 1.5)),
  };
}

/** An image that stays in flight until every image of its batch is done. */
class HeldImage implements ImageState {
  /** Steps of the batch. */
  step = 0;

  constructor(
    readonly inner: ImageState,
    private readonly batch: readonly HeldImage[],
  ) {}

  /** Those of the batch's longest image. */
  get steps(): number {
    return Math.max(...this.batch.map(({ inner }) => inner.steps));
  }

  get isDone(): boolean {
    return this.step >= this.inner.steps;
  }
}

export function staticFamily(family: Family, mode: StaticMode, batchSize: number): Family {
  return { ...family, open: (runtime, model) => staticSampler(family.open(runtime, model), mode, batchSize) };
}

function staticSampler(sampler: Sampler, mode: StaticMode, batchSize: number): Sampler<HeldImage> {
  let batch: HeldImage[] = [];
  return {
    hasRoom: (inFlight) => inFlight.length < batchSize && inFlight.every(({ step }) => step === 0),
    admit(request, masked) {
      if (batch.length === batchSize || batch.some(({ step }) => step > 0)) batch = [];
      const image = new HeldImage(sampler.admit(request, masked), batch);
      batch.push(image);
      return image;
    },
    setKnownTokens: (image, latents) => sampler.setKnownTokens!(image.inner, latents),
    stages: sampler.stages.map((stage) => staticStage(stage, mode)),
    advance(image) {
      image.step++;
      // One that is done stands before the end of its last step, so that its rows can be computed again.
      if (image.step < image.inner.steps) sampler.advance(image.inner);
    },
    writeLatents: (image, latents, offset) => sampler.writeLatents(image.inner, latents, offset),
  };
}

function staticStage(stage: Stage<ImageState>, mode: StaticMode): Stage<HeldImage> {
  const computesDone = mode === "static" && stage.span === "transformerMs";
  return {
    span: stage.span,
    run(images, runs) {
      const computed = images.filter(({ isDone }) => computesDone || !isDone);
      const heldBy = new Map(computed.map((held) => [held.inner, held]));
      return stage.run(
        [...heldBy.keys()],
        innerRuns(runs, (image) => heldBy.get(image)!),
      );
    },
  };
}

function innerRuns(runs: StepRuns<HeldImage>, heldBy: (image: ImageState) => HeldImage): StepRuns<ImageState> {
  return stepRuns({
    isInFlight: (image) => runs.isInFlight(heldBy(image)),
    fail: (image, reason, message) => runs.fail(heldBy(image), reason, message),
    pause: () => runs.pause(),
  });
}

const mode = process.env.STATIC_BATCHING as StaticMode | undefined;
if (mode)
  for (const name of Object.keys(FAMILIES) as FamilyName[])
    FAMILIES[name] = staticFamily(FAMILIES[name], mode, Number(process.env.STATIC_BATCH));
