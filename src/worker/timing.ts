import type { EngineTiming } from "../engine/engine.js";
import type { Timing } from "../job.js";

/**
 * One image's timing from its three neighbouring clocks: accepted, taken in by the engine, pixels ready, stored (epoch
 * milliseconds). The six spans lie side by side between the same readings, and the total is their sum.
 */
export function imageTiming(acceptedAt: number, engine: EngineTiming, storedAt: number): Timing {
  const spans = {
    queue_ms: span(acceptedAt, engine.submittedAt),
    batch_wait_ms: engine.batchWaitMs,
    transformer_ms: engine.transformerMs,
    diffusion_ms: engine.diffusionMs,
    decode_ms: engine.decodeMs,
    encode_ms: span(engine.finishedAt, storedAt),
  };
  return {
    ...spans,
    total_ms: Object.values(spans).reduce((sum, ms) => sum + ms),
    batch_size: engine.batchSize,
    ms_per_image: engine.msPerImage,
  };
}

/** Clocks of two machines may differ by a little, and a time is never negative. */
function span(from: number, to: number): number {
  return Math.max(0, to - from);
}
