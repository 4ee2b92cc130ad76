import { Gauge, type Registry } from "prom-client";
import type { Config } from "../../config.js";

/** Bounds that other metrics are held against. */
export function addConfigMetrics(registry: Registry, { maxResultBytes }: Pick<Config, "maxResultBytes">): void {
  const bound = new Gauge({
    name: "marimba_results_max_bytes",
    help: "Bytes that finished jobs and their images may take (MAX_RESULT_BYTES).",
    registers: [registry],
  });
  bound.set(maxResultBytes);
}
