import { openEngine } from "../../../src/engine/threaded-engine.js";
import { imageRequest } from "../../workload.js";
import type { OpenPart } from "./part.js";
import { BATCH } from "./parts.js";

/** The whole engine on one thread: with more, threads that wait would count as work. */
export const open: OpenPart = async ({ folder, manifest, models }) => {
  const limits = { maxBatch: BATCH, maxBatchDelayMs: 60_000, maxWaiting: BATCH };
  const engine = await openEngine({ folder, manifest, threads: 1, ...limits });
  return {
    image(index) {
      const { parameters, ...request } = imageRequest(index, models);
      return engine.generate({ ...request, parameters: { ...parameters, steps: 3, diffusion_steps: 4 } });
    },
  };
};
