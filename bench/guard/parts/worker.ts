import { pino } from "pino";
import { openNullEngine } from "../../../src/engine/null-engine.js";
import { startWorker } from "../../../src/worker/worker.js";
import { finishJob, jobOf, openLocalQueue } from "./jobs.js";
import type { OpenPart } from "./part.js";

/** Images through the worker, over the queue of this process and an engine that takes no time. */
export const open: OpenPart = async ({ manifest, models }) => {
  const engines = new Map([[manifest.name, openNullEngine(manifest, 16)]]);
  const queue = openLocalQueue();
  const logger = pino({ level: "info" }, { write: () => {} });
  await startWorker({ source: queue, engines, models, maxImages: 24, logger });
  return { image: (index) => finishJob(queue, jobOf(index, models, queue.newId())) };
};
