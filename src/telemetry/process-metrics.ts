import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { VERSION } from "../files/package.js";

/** Gauges whose names end like counters'; what they tell is told by type in `nodejs_active_resources`. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** What a process tells Prometheus of itself, whatever it does: processor, memory, event loop, garbage, build. */
export function openRegistry(command: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const build = new Gauge({
    name: "marimba_build_info",
    help: "Always 1: the release, the command that runs, and Node's version.",
    labelNames: ["version", "command", "node"],
    registers: [registry],
  });
  build.set({ version: VERSION, command, node: process.version }, 1);
  return registry;
}
