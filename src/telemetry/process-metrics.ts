import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { VERSION } from "../files/package.js";

/** Upper bounds of histograms, few enough that every label's series stay cheap. */

/** Waits and images: 5 ms to 5 minutes. */
export const LONG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Parts of one autoregressive step, and encoding: 1 ms to 10 seconds. */
export const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const IMAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
export const TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** Gauges that are named like counters; `nodejs_active_resources` has the same numbers by type. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** The metrics of every process: CPU, memory, event loop, garbage collection, build. */
export function openRegistry(command: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const build = new Gauge({
    name: "marimba_build_info",
    help: "Always 1; the labels are the release, the running command and Node's version.",
    labelNames: ["version", "command", "node"],
    registers: [registry],
  });
  build.set({ version: VERSION, command, node: process.version }, 1);
  return registry;
}
