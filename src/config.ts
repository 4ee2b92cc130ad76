import { resolve } from "node:path";
import Type, { type Static, type TSchema } from "typebox";
import { Check } from "typebox/schema";
import { Batching } from "./engine/batching.js";
import { Provider } from "./engine/runtime/provider.js";
import { isProxyRange } from "./proxy-range.js";
import { describeSchema } from "./validation/field-errors.js";

/** A secret of Standard Webhooks. */
export const WEBHOOK_SECRET_PATTERN = "^whsec_[A-Za-z0-9+/]{32,88}={0,2}$";

const count = (defaultValue: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, default: defaultValue, description });

/** In the current folder. */
export const DEFAULT_MODELS_DIR = "models";

/** Every setting. A key's environment variable is the same words in upper case: `maxBatch` is `MAX_BATCH`. */
export const Config = Type.Object(
  {
    host: Type.String({ default: "127.0.0.1", description: "Address to listen on." }),
    port: count(8080, 0, 65_535, "Port to listen on; 0 takes any free one."),
    apiKeysFile: Type.Optional(
      Type.String({ description: "File of API keys, as marimba key new writes it; changes are taken over at once." }),
    ),
    apiKeys: Type.Optional(
      Type.String({ description: "The lines of such a file, parted by semicolons; only one of both may be set." }),
    ),
    allowAnonymous: count(
      0,
      0,
      1,
      "With 1 no API keys are asked for, even where others than this machine can connect.",
    ),
    corsOrigins: Type.Array(Type.String({ pattern: "^https?://[^/,\\s]+$" }), {
      default: [],
      accepts: "origins such as https://app.example.com, separated by commas",
      description: "Other origins whose pages may call; absent: none.",
    }),
    trustProxy: Type.Array(Type.Refine(Type.String(), isProxyRange), {
      default: [],
      accepts: "addresses or networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas",
      description: "Proxies whose X-Forwarded-For, -Proto and -Host are believed; absent: nobody's are.",
    }),
    webhookSecret: Type.Optional(
      Type.String({
        pattern: WEBHOOK_SECRET_PATTERN,
        accepts: "whsec_ and base64 of 24 to 64 bytes",
        isSecret: true,
        description:
          "Signs webhooks where there are no API keys; each key has a secret of its own. Absent: none are sent.",
      }),
    ),
    webhookAllowHosts: Type.Array(Type.String({ pattern: "^[a-z0-9.:_-]{1,253}$" }), {
      default: [],
      accepts: "host names or addresses in lower case, separated by commas",
      description: "Hosts that webhooks may go to though they are private, and by plain HTTP.",
    }),
    webhookAllowPrivate: count(0, 0, 1, "With 1 webhooks may go anywhere: to this machine and its networks too."),
    webhookAttempts: count(10, 1, 100, "How often a webhook is tried before it is given up."),
    webhookRetryMs: count(
      5000,
      1,
      3_600_000,
      "Before its second try; then four times as long each time, an hour at most.",
    ),
    modelsDir: Type.String({
      default: DEFAULT_MODELS_DIR,
      description:
        "Folder that holds one folder for each model; with the default, the demo model inside the package is there too.",
    }),
    models: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,63}$" }), {
        minItems: 1,
        description:
          "Models to serve, separated by commas; the first is the default. Absent: every model of MODELS_DIR, demo first.",
      }),
    ),
    engine: Type.Union([Type.Literal("onnx"), Type.Literal("null")], {
      default: "onnx",
      description: "Engine: onnx makes pictures; null makes plain ones at once, for load tests of everything else.",
    }),
    threads: count(0, 0, 1024, "Threads inside one ONNX operator; 0 takes one for each core."),
    provider: Provider,
    cudaDevice: count(0, 0, 1023, "Which GPU of the machine, with PROVIDER=cuda."),
    redisUrl: Type.Optional(
      Type.String({
        description:
          "Redis to queue in: redis://, rediss:// or redis+sentinel://HOST:PORT,HOST:PORT/MASTER. Absent: in memory.",
      }),
    ),
    redisPrefix: Type.String({
      pattern: "^[a-z0-9_-]{1,32}$",
      default: "marimba",
      description: "What the names of all keys in Redis begin with.",
    }),
    lockMs: count(30_000, 500, 3_600_000, "How long a worker may be silent before its images run elsewhere."),
    acceptDurable: count(0, 0, 1, "With 1 a job is accepted only once Redis has it on disk (WAITAOF)."),
    maxBatch: count(16, 1, 4096, "Images in flight at once in one model's batch, if memory holds so many."),
    maxBatchDelayMs: count(2, 0, 10_000, "How long an idle engine waits for more images before its first step."),
    batching: Batching,
    maxQueuedImages: count(512, 1, 10_000_000, "Images that may wait; above, requests are answered with 429."),
    maxImagesPerJob: count(64, 1, 10_000, "Largest num_images of one request; MAX_QUEUED_IMAGES at most."),
    resultTtlS: count(900, 1, 31_536_000, "How long a finished job and its images are kept."),
    maxResultBytes: count(
      268_435_456,
      1,
      Number.MAX_SAFE_INTEGER,
      "Memory for finished images; above, the oldest finished jobs go first.",
    ),
    syncTimeoutS: count(
      120,
      1,
      86_400,
      "Longest that a request waits for its picture before it is told where to look.",
    ),
    workerPort: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: "Port of the worker's own /health and /metrics, on HOST; absent: none.",
      }),
    ),
    metricsPort: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: "Port of the API's own /health and /metrics, on HOST; /metrics then leaves PORT. Absent: none.",
      }),
    ),
    otelExporterOtlpEndpoint: Type.Optional(
      Type.String({
        description: "Where to send traces: an OTLP/HTTP collector such as http://127.0.0.1:4318. Absent: nowhere.",
      }),
    ),
    otelServiceName: Type.String({ default: "marimba", description: "Name of the service in traces." }),
    shutdownGraceS: count(
      20,
      0,
      86_400,
      "After SIGTERM: how long accepted work may finish; the rest is handed back, or cancelled without Redis.",
    ),
    logLevel: Type.Union(
      [
        Type.Literal("trace"),
        Type.Literal("debug"),
        Type.Literal("info"),
        Type.Literal("warn"),
        Type.Literal("error"),
        Type.Literal("fatal"),
        Type.Literal("silent"),
      ],
      { default: "info", description: "Least severe log line that is written (to standard error)." },
    ),
  },
  { additionalProperties: false },
);
export type Config = Readonly<Static<typeof Config>>;

/** The environment holds values that don't fit: one sentence for each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/**
 * Reads the configuration from environment variables; an empty variable counts as absent, an unknown one is left alone.
 * Throws `ConfigError` that names every bad value at once.
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries<TSchema>(Config.properties)) {
    const variable = variableName(key);
    const text = environment[variable]?.trim();
    const value = text ? readValue(schema, text) : (schema as { default?: unknown }).default;
    if (value === undefined) continue;
    if (Check(schema, value)) config[key] = value;
    else problems.push(`${variable} is ${showSetting(schema, text)}; it must be ${describeSetting(schema)}.`);
  }
  const { maxImagesPerJob, maxQueuedImages } = config as Config;
  if (maxImagesPerJob > maxQueuedImages) {
    // A job above the queue's cap could never be accepted. The default gives way; a stated number is a contradiction.
    if (!environment.MAX_IMAGES_PER_JOB?.trim()) config.maxImagesPerJob = maxQueuedImages;
    else problems.push(`MAX_IMAGES_PER_JOB is "${maxImagesPerJob}"; it must be at most MAX_QUEUED_IMAGES.`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  config.modelsDir = resolve(config.modelsDir as string);
  if (config.models) config.models = Object.freeze([...new Set(config.models as string[])]);
  return Object.freeze(config) as Config;
}

/** One row for each variable, for the documentation. */
export function describeConfig(): { variable: string; defaultValue: string; accepts: string; description: string }[] {
  return Object.entries<TSchema>(Config.properties).map(([key, schema]) => {
    const { default: value, description } = schema as { default?: unknown; description?: string };
    const defaultValue = String(value ?? "");
    return { variable: variableName(key), defaultValue, accepts: describeSetting(schema), description: description! };
  });
}

function variableName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** The text of a setting; a secret's is nobody's to see. */
function showSetting(schema: TSchema, text: string | undefined): string {
  return (schema as { isSecret?: boolean }).isSecret ? "not what it should be" : JSON.stringify(text)!;
}

function describeSetting(schema: TSchema): string {
  const { type, accepts } = schema as { type?: string; accepts?: string };
  if (accepts !== undefined) return accepts;
  if (type === "array") return "names of model folders (lower case letters, digits, . _ -), separated by commas";
  if (type === "string") return "pattern" in schema ? "1 to 32 lower case letters, digits, _ or -" : "text";
  return describeSchema(schema).replaceAll('"', "");
}

/** The value a variable's text stands for; text that is no plain decimal number stays text and fails its check. */
function readValue(schema: TSchema, text: string): unknown {
  const type = (schema as { type?: string }).type;
  if (type === "integer") return /^\d{1,16}$/.test(text) ? Number(text) : text;
  if (type === "array") return text.split(",").map((name) => name.trim());
  return text;
}
