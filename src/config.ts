import { isIP } from "node:net";
import { resolve } from "node:path";
import Type, { type Static, type TSchema } from "typebox";
import { Check } from "typebox/schema";
import { usableCores } from "./engine/runtime/allowance.js";
import { Provider } from "./engine/runtime/provider.js";
import { describeSchema } from "./validation/field-errors.js";

/** A secret of Standard Webhooks, or two, separated by a comma, while the secret rotates. */
export const WEBHOOK_SECRET_PATTERN = "^whsec_[A-Za-z0-9+/]{32,88}={0,2}(,whsec_[A-Za-z0-9+/]{32,88}={0,2})?$";
export const WEBHOOK_SECRET_ACCEPTS = "whsec_ and base64 of 24 to 64 bytes, or two of them separated by a comma";

const count = (defaultValue: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, default: defaultValue, description });
const off = (description: string) => Type.Boolean({ default: false, description });

/** In the current folder. */
export const DEFAULT_MODELS_DIR = "models";

/** Every setting. Its environment variable is its name in upper case: `maxBatch` is `MAX_BATCH`. */
export const Config = Type.Object(
  {
    host: Type.String({ default: "127.0.0.1", description: "Address to listen on." }),
    port: count(8080, 0, 65_535, "Port to listen on; 0 picks a free one."),
    apiKeysFile: Type.Optional(
      Type.String({
        description: "File of API keys, as written by marimba key new. Changes take effect within two seconds.",
      }),
    ),
    apiKeys: Type.Optional(
      Type.String({
        description: "The lines of an API key file, separated by semicolons. Cannot be combined with API_KEYS_FILE.",
      }),
    ),
    allowAnonymous: off("Serve without API keys even if other machines can connect."),
    corsOrigins: Type.Array(Type.String({ pattern: "^https?://[^/,\\s]+$" }), {
      default: [],
      accepts: "origins such as https://app.example.com, separated by commas",
      description: "Other origins whose pages may call the API; default: none.",
    }),
    trustProxy: Type.Array(Type.Refine(Type.String(), isProxyRange), {
      default: [],
      accepts: "addresses or networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas",
      description: "Proxies whose X-Forwarded-For, -Proto and -Host headers are trusted; default: none.",
    }),
    publicPath: Type.Refine(
      Type.String({
        default: "",
        accepts: "a path such as /marimba, without a slash at its end, that begins with none of Marimba's own names",
        description: "Path under which a proxy serves Marimba; addresses in responses begin with it. Default: none.",
      }),
      isPublicPath,
    ),
    keepAliveS: count(
      130,
      1,
      86_400,
      "How long an idle connection stays open; longer than the proxy in front keeps its own.",
    ),
    webhookSecret: Type.Optional(
      Type.String({
        pattern: WEBHOOK_SECRET_PATTERN,
        accepts: WEBHOOK_SECRET_ACCEPTS,
        isSecret: true,
        description: "Signs webhooks on a server without API keys; each API key has its own. Default: no webhooks.",
      }),
    ),
    webhookAllowHosts: Type.Array(Type.String({ pattern: "^[a-z0-9.:_-]{1,253}$" }), {
      default: [],
      accepts: "host names or addresses in lower case, separated by commas",
      description: "Private hosts to which webhooks may be sent, even over plain HTTP.",
    }),
    webhookAllowPrivate: off("Let webhooks go anywhere, including this machine and its private networks."),
    webhookAttempts: count(10, 1, 100, "Attempts before a webhook is given up."),
    webhookRetryMs: count(
      5000,
      1,
      3_600_000,
      "Delay before the second attempt; it quadruples each time, up to an hour.",
    ),
    modelsDir: Type.String({
      default: DEFAULT_MODELS_DIR,
      description:
        "Folder with one folder for each model. With the default, the demo model inside the package is served too.",
    }),
    models: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,63}$" }), {
        minItems: 1,
        description:
          "Models to serve, separated by commas; the first is the default model. Default: all in MODELS_DIR, demo first.",
      }),
    ),
    modelAliases: Type.Array(Type.String({ pattern: "^[^\\s=,]{1,200}=[a-z0-9][a-z0-9._-]{0,63}$" }), {
      default: [],
      accepts: "pairs such as gpt-image-1=demo, separated by commas",
      description: "Further names of models for OpenAI's clients; default: none.",
    }),
    promptFallback: Type.String({
      default: "refuse",
      accepts: "refuse, unconditional, or a class",
      description: "For OpenAI's clients: what a prompt that names no class gets.",
    }),
    engine: Type.Union([Type.Literal("onnx"), Type.Literal("null")], {
      default: "onnx",
      description:
        "Engine: onnx generates images; null returns a placeholder at once, for load tests of everything else.",
    }),
    threads: count(
      0,
      0,
      1024,
      "Threads of one ONNX operator; 0: one for each core that the process may use (affinity, CPU quota).",
    ),
    provider: Provider,
    cudaDevice: count(0, 0, 1023, "GPU to use with PROVIDER=cuda."),
    redisUrl: Type.Optional(
      Type.String({
        description:
          "Redis for the queue: redis://, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or redis+cluster://HOST:PORT,HOST:PORT; rediss for TLS. Default: in memory.",
      }),
    ),
    redisPrefix: Type.String({
      pattern: "^[a-z0-9_-]{1,32}$",
      default: "marimba",
      description: "Prefix of all keys in Redis.",
    }),
    lockMs: count(30_000, 500, 3_600_000, "How long a worker may be silent before its images are given to others."),
    acceptDurable: off("Accept a job only once Redis has written it to disk (WAITAOF)."),
    maxBatch: count(16, 1, 4096, "Maximum number of images in one model's batch; fewer if memory is short."),
    maxBatchDelayMs: count(2, 0, 10_000, "How long an idle engine waits for more images before its first step."),
    maxQueuedImages: count(512, 1, 10_000_000, "Maximum number of waiting images; beyond that, requests get a 429."),
    maxImagesPerJob: count(64, 1, 10_000, "Largest num_images of a request, at most MAX_QUEUED_IMAGES."),
    resultTtlS: count(900, 1, 31_536_000, "How long finished jobs and their images are kept."),
    maxResultBytes: count(
      268_435_456,
      1,
      Number.MAX_SAFE_INTEGER,
      "Memory for finished images; beyond that, the oldest finished jobs are dropped.",
    ),
    maxCanvasBytes: count(
      67_108_864,
      1,
      Number.MAX_SAFE_INTEGER,
      "Memory for the images that unfinished jobs edit; beyond that, requests to edit get a 429.",
    ),
    syncTimeoutS: count(
      120,
      1,
      86_400,
      "Maximum time that a request waits for its image; after that, it gets the job's URL.",
    ),
    workerPort: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: "Port of the worker's own /health and /metrics, on HOST. Default: none.",
      }),
    ),
    metricsPort: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description:
          "Separate port for the API's /health and /metrics, on HOST; PORT then has no /metrics. Default: none.",
      }),
    ),
    otelExporterOtlpEndpoint: Type.Optional(
      Type.String({
        description: "OTLP/HTTP collector to send traces to, such as http://127.0.0.1:4318. Default: none.",
      }),
    ),
    otelServiceName: Type.String({ default: "marimba", description: "Service name in traces." }),
    shutdownGraceS: count(
      20,
      0,
      86_400,
      "Time for accepted work to finish after SIGTERM; the rest is requeued, or cancelled if there is no Redis.",
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
      { default: "info", description: "Minimum severity of log messages (on standard error)." },
    ),
  },
  { additionalProperties: false },
);
export type Config = Readonly<Static<typeof Config>>;

/** Environment variables with wrong values: one sentence for each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/**
 * Reads the configuration from environment variables. An empty variable counts as absent; unknown ones are ignored.
 * Throws a `ConfigError` that names every wrong value at once.
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
    // A job above the queue's cap could never be accepted. The default gives way; an explicit number is an error.
    if (!environment.MAX_IMAGES_PER_JOB?.trim()) config.maxImagesPerJob = maxQueuedImages;
    else problems.push(`MAX_IMAGES_PER_JOB is "${maxImagesPerJob}"; it must be at most MAX_QUEUED_IMAGES.`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  if (config.threads === 0) config.threads = usableCores();
  config.modelsDir = resolve(config.modelsDir as string);
  if (config.models) config.models = Object.freeze([...new Set(config.models as string[])]);
  return Object.freeze(config) as Config;
}

/** One row for each variable, for docs/configuration.md. */
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

/** Never shows a secret. */
function showSetting(schema: TSchema, text: string | undefined): string {
  return (schema as { isSecret?: boolean }).isSecret ? "malformed" : JSON.stringify(text)!;
}

function describeSetting(schema: TSchema): string {
  const { type, accepts } = schema as { type?: string; accepts?: string };
  if (accepts !== undefined) return accepts;
  if (type === "array") return "names of model folders (lower case letters, digits, . _ -), separated by commas";
  if (type === "string") return "pattern" in schema ? "1 to 32 lower case letters, digits, _ or -" : "text";
  return describeSchema(schema).replaceAll('"', "");
}

/** Text that can't be read as the schema's type stays text, and fails its check. */
function readValue(schema: TSchema, text: string): unknown {
  const type = (schema as { type?: string }).type;
  if (type === "integer") return /^\d{1,16}$/.test(text) ? Number(text) : text;
  if (type === "boolean") return BOOLEANS[text] ?? text;
  if (type === "array") return text.split(",").map((name) => name.trim());
  return text;
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

/** Names that Fastify knows networks by: 127.0.0.0/8 and ::1, link-local ones, and private ones (10.0.0.0/8, fc00::/7, …). */
const NAMED_NETWORKS = new Set(["loopback", "linklocal", "uniquelocal"]);

/**
 * An address, a network such as 10.0.0.0/8, or one of Fastify's names. Trusted proxies decide the client's address, so
 * neither "everybody" (/0) nor a number of hops is accepted: with those, a client that bypasses the proxy would be trusted.
 */
function isProxyRange(text: string): boolean {
  if (NAMED_NETWORKS.has(text)) return true;
  const [, address, prefix] = /^([\d.:a-f]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const family = isIP(address ?? "");
  if (family === 0) return false;
  const bits = prefix === undefined ? 1 : Number(prefix);
  return bits >= 1 && bits <= (family === 4 ? 32 : 128);
}

/** The first parts of Marimba's own paths: under one of them, `/docs/docs` would be ambiguous. */
const OWN_NAMES = [
  "admin",
  "docs",
  "edits",
  "favicon.ico",
  "generate",
  "health",
  "jobs",
  "metrics",
  "models",
  "openapi.json",
  "playground",
  "v1",
];

function isPublicPath(text: string): boolean {
  return text === "" || (/^(\/[A-Za-z0-9_~][A-Za-z0-9._~-]*)+$/.test(text) && !OWN_NAMES.includes(text.split("/")[1]!));
}
