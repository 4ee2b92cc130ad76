import swagger from "@fastify/swagger";
import { VERSION } from "../../files/package.js";
import { markdownTable } from "../../markdown-table.js";
import type { Manifest } from "../../model/manifest.js";
import type { Api, ApiDeps } from "../deps.js";
import { COMPONENTS } from "./components.js";

const DESCRIPTION = `
Generates class-conditional images with MAR models (masked autoregressive generation with a diffusion head for each token,
[arXiv 2406.11838](https://arxiv.org/abs/2406.11838)). Requests that arrive at different times share batches; the same
request with the same seed gives the same image, regardless of what else is in the batch.

Every error is a problem document (\`application/problem+json\`, RFC 9457), except under \`/v1\`, where it has the shape of
OpenAI's API. Programs should decide by its \`code\`: codes are stable.
`.trim();

const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer", description: "An API key, `mrb_...`, as `Authorization: Bearer`." },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "The same key in a header of its own." },
} as const;

/** Collects the routes' schemas into the OpenAPI document. Call it before any route is registered. */
export async function describeApi(app: Api, { keys, config }: Pick<ApiDeps, "keys" | "config">): Promise<void> {
  for (const [name, schema] of Object.entries(COMPONENTS)) app.addSchema({ ...schema, $id: name });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Marimba",
        version: VERSION,
        description: DESCRIPTION,
        license: { name: "MIT", identifier: "MIT" },
      },
      // Empty on a server that requires no keys; open routes override it.
      security: keys ? [{ bearer: [] }, { apiKey: [] }] : [],
      components: { securitySchemes: SECURITY_SCHEMES },
      servers: [{ url: `${config.publicPath}/`, description: "The server that this document came from." }],
      tags: [
        { name: "generate", description: "Request images." },
        { name: "jobs", description: "Follow, fetch and cancel jobs." },
        { name: "models", description: "Models, their classes and parameters." },
        { name: "openai", description: "The same in the shapes of OpenAI's API, for its clients." },
        { name: "health", description: "For probes, load balancers and operators." },
      ],
    },
    hideUntagged: true,
    transformObject: (document) => foldEnums("openapiObject" in document ? document.openapiObject : {}) as object,
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  });
}

/**
 * Merges the options of each `anyOf` that have values of the same type into one `enum`, which client generators read
 * best. The meaning is the same.
 */
export function foldEnums(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(foldEnums);
  if (typeof schema !== "object" || schema === null) return schema;
  const folded = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, foldEnums(value)]));
  if (!Array.isArray(folded.anyOf)) return folded;
  const { anyOf, ...rest } = folded;
  const choices = anyOf.filter(isChoice);
  const [first] = choices;
  if (!first || choices.some(({ type }) => type !== first.type)) return folded;
  const choice = { type: first.type, enum: choices.flatMap((option) => option.enum) };
  const others = anyOf.filter((option) => !isChoice(option));
  return others.length === 0 ? { ...choice, ...rest } : { anyOf: [choice, ...others], ...rest };
}

interface Choice {
  readonly type: string;
  readonly enum: readonly unknown[];
}

function isChoice(option: unknown): option is Choice {
  return typeof option === "object" && option !== null && "enum" in option && "type" in option;
}

/** The measured quality of the models' presets as a Markdown table; undefined if none was measured. */
export function presetTable(models: readonly Manifest[]): string | undefined {
  const rows = models.flatMap(({ name, presets }) =>
    Object.entries(presets).flatMap(([preset, { quality }]) => {
      if (!quality) return [];
      const { frechet_distance, frechet_interval, inception_score, precision, recall, speed } = quality;
      const interval = frechet_interval ? ` (${frechet_interval.join(" to ")})` : "";
      const figures = [inception_score, precision, recall, speed].map((figure) => figure?.toString() ?? "");
      return [[name, preset, `${frechet_distance}${interval}`, ...figures]];
    }),
  );
  if (rows.length === 0) return undefined;
  const head = [
    "model",
    "preset",
    "Fréchet distance (95 %)",
    "Inception Score",
    "precision",
    "recall",
    "times as fast",
  ];
  return markdownTable(head, rows, 2);
}
