/** Why an image failed by itself: a run threw, or what it sampled is not finite numbers. */
export type FailureReason = "failed" | "not_finite";

/**
 * How the stages of a step make their runs. A run can't be interrupted: images leave and messages arrive between runs.
 */
export interface StepRuns<Image> {
  isInFlight(image: Image): boolean;
  /** Ends an image that cannot go on; `message` is a sentence. */
  fail(image: Image, reason: FailureReason, message: string): void;
  /** Lets messages in. */
  pause(): Promise<void>;
  /** Makes a run for those of the images that are still in flight, fails those that fail alone, and pauses. */
  run(images: readonly Image[], run: (images: readonly Image[]) => Promise<void>): Promise<void>;
}

export function stepRuns<Image>({ isInFlight, fail, pause }: Omit<StepRuns<Image>, "run">): StepRuns<Image> {
  return {
    isInFlight,
    fail,
    pause,
    async run(images, run) {
      if (!images.some(isInFlight)) return;
      const runInFlight = async (some: readonly Image[]) => {
        const inFlight = some.filter(isInFlight);
        if (inFlight.length > 0) await run(inFlight);
      };
      await runIsolated(images, runInFlight, (image, message) => fail(image, "failed", message));
      await pause();
    },
  };
}

/**
 * Runs work for a group of images. If it throws, the halves are run by themselves, down to single images, so that
 * only an image which fails alone fails. Work must be repeatable: what it writes is a function of the image.
 */
export async function runIsolated<Image>(
  images: readonly Image[],
  run: (images: readonly Image[]) => Promise<void>,
  fail: (image: Image, message: string) => void,
): Promise<void> {
  try {
    await run(images);
  } catch (error) {
    if (images.length === 1) return fail(images[0]!, error instanceof Error ? error.message : String(error));
    const middle = Math.ceil(images.length / 2);
    await runIsolated(images.slice(0, middle), run, fail);
    await runIsolated(images.slice(middle), run, fail);
  }
}

/** Splits images into runs whose sizes add up to at most `limit`; an image larger than that runs alone. */
export function chunksBySize<Image>(
  images: readonly Image[],
  limit: number,
  sizeOf: (image: Image) => number,
): Image[][] {
  const chunks: Image[][] = [];
  let size = 0;
  for (const image of images) {
    const more = sizeOf(image);
    if (chunks.length === 0 || size + more > limit) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)!.push(image);
    size += more;
  }
  return chunks;
}

/** Images by what `keyOf` says of them, in the order of each group's first. */
export function groupBy<Image>(images: readonly Image[], keyOf: (image: Image) => string): Image[][] {
  const groups = new Map<string, Image[]>();
  for (const image of images) {
    const key = keyOf(image);
    const group = groups.get(key);
    if (group) group.push(image);
    else groups.set(key, [image]);
  }
  return [...groups.values()];
}
