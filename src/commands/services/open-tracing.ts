import type { Logger } from "pino";
import { type Config, ConfigError } from "../../config.js";
import type { Tracing } from "../../telemetry/tracing.js";

/** OpenTelemetry is loaded only where a collector is named. Throws `ConfigError` where its address is none. */
export async function openTracing(config: Config, command: string, logger: Logger): Promise<Tracing | undefined> {
  const { otelExporterOtlpEndpoint: endpoint, otelServiceName: serviceName } = config;
  if (endpoint === undefined) return undefined;
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    const sentence = `OTEL_EXPORTER_OTLP_ENDPOINT is ${JSON.stringify(endpoint)}; it must be an address such as http://127.0.0.1:4318.`;
    throw new ConfigError([sentence]);
  }
  const { openTelemetry } = await import("../../telemetry/open-telemetry.js");
  const tracing = openTelemetry({ endpoint, serviceName, command }, logger);
  logger.info("Traces are sent to a collector.");
  return tracing;
}
