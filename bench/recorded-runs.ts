import { ContinuousBatch } from "../src/engine/batch.js";
import type { Runtime, Tensors } from "../src/engine/runtime/runtime.js";
import type { Architecture } from "../src/model/manifest.js";
import type { ImageRequest } from "../src/model/parameters.js";

/** Repeats one of the engine's ONNX runs, with its own copy of the inputs. */
export type RecordedRun = (runtime: Runtime) => Promise<unknown>;

/**
 * The runs with which an ideal engine makes these images, `concurrency` of them requested at any time: a finished
 * image is replaced before the next step, and at most `maxBatch` are in flight.
 */
export async function recordRuns(
  runtime: Runtime,
  model: Architecture,
  requests: readonly ImageRequest[],
  concurrency: number,
  maxBatch: number,
): Promise<RecordedRun[]> {
  const runs: RecordedRun[] = [];
  let next = 0;
  const submit = () => {
    const request = requests[next];
    if (request) batch.submit({ id: next++, request, submittedMs: 0 });
  };
  const events = {
    started() {},
    stepped() {},
    previewed() {},
    finished: submit,
    left(_id: number, _reason: string, message: string) {
      throw new Error(message);
    },
  };
  const limits = { maxBatch, maxBatchDelayMs: 0 };
  const batch = new ContinuousBatch(recorder(runtime, runs), model, limits, events, async () => {});
  for (let i = 0; i < concurrency; i++) submit();
  while (batch.idleMs() === 0) await batch.step();
  return runs;
}

/** The bare runs: no engine, no noise, no gathering of inputs. Resolves with their milliseconds. */
export async function replayRuns(runtime: Runtime, runs: readonly RecordedRun[]): Promise<number> {
  const startMs = performance.now();
  for (const run of runs) await run(runtime);
  return performance.now() - startMs;
}

function recorder(runtime: Runtime, runs: RecordedRun[]): Runtime {
  return {
    run(graph, inputs) {
      const copies = copyArrays(inputs);
      runs.push((again) => again.run(graph, copies));
      return runtime.run(graph, inputs);
    },
    close: () => runtime.close(),
  };
}

/** The engine reuses its buffers for the next run. */
function copyArrays(inputs: Tensors): Tensors {
  const copies = Object.entries(inputs).map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]);
  return Object.fromEntries(copies) as Tensors;
}
