import type { Manifest } from "../src/model/manifest.js";
import type { ImageRequest } from "../src/model/parameters.js";
import type { ModelRegistry } from "../src/model/registry.js";
import { resolveRequest } from "../src/resolve-request.js";

/** The request for image `index`: the classes take turns, each image has its own seed, and the preset is the default. */
export function requestBody(index: number, manifest: Manifest): { class: number; seed: number } {
  return { class: index % manifest.classes.length, seed: 1000 + index };
}

/** The same image for the engine, resolved as the API does. */
export function imageRequest(index: number, models: ModelRegistry): ImageRequest {
  const manifest = models.get(models.default)!;
  const { parameters, seed } = resolveRequest(requestBody(index, manifest), models, 1);
  return { parameters, seed, imageIndex: 0 };
}

/** Processor time of some work, in milliseconds: other processes hardly change it. */
export async function processorMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Runs `work` for 0 .. total-1, always `concurrency` of them at once. Resolves with the milliseconds from the first start to
 * the last end; rejects as soon as one rejects.
 */
export async function closedLoop(
  total: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const lane = async () => {
    while (next < total) await work(next++);
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, total) }, lane));
  return performance.now() - startMs;
}
