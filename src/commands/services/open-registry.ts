import type { Registry } from "prom-client";

/** The process's metrics, and with them Prometheus's client, are loaded only where somebody can ask for them. */
export async function openRegistry(command: string): Promise<Registry> {
  return (await import("../../telemetry/process-metrics.js")).openRegistry(command);
}
