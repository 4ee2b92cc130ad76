import swagger from "@fastify/swagger";
import { VERSION } from "../../files/package.js";
import type { Api, ApiDeps } from "../deps.js";
import { COMPONENTS } from "./components.js";
import { foldEnums } from "./fold-enums.js";

const DESCRIPTION = `
Generates class-conditional images with MAR models (masked autoregressive generation with a diffusion head for each token,
[arXiv 2406.11838](https://arxiv.org/abs/2406.11838)). Requests that arrive at different times share batches; the same
request with the same seed gives the same picture whoever it was batched with.

Every error is a problem document (\`application/problem+json\`, RFC 9457), but under \`/v1\`, where it has the shape of
OpenAI's API. Decide by its \`code\`: codes are stable.
`.trim();

const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer", description: "An API key, `mrb_...`, as `Authorization: Bearer`." },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "The same key as a header of its own." },
} as const;

/** Collects the routes' schemas into the OpenAPI document; to be called before they are registered. */
export async function describeApi(app: Api, { keys }: Pick<ApiDeps, "keys">): Promise<void> {
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
      // Empty where the server asks for no keys; open routes say so themselves.
      security: keys ? [{ bearer: [] }, { apiKey: [] }] : [],
      components: { securitySchemes: SECURITY_SCHEMES },
      servers: [{ url: "/", description: "The server that this document came from." }],
      tags: [
        { name: "generate", description: "Ask for images." },
        { name: "jobs", description: "What became of a request." },
        { name: "models", description: "What can be asked for." },
        { name: "openai", description: "The shapes of OpenAI's API, for clients that speak it." },
        { name: "health", description: "For probes and load balancers." },
      ],
    },
    hideUntagged: true,
    transformObject: (document) => foldEnums("openapiObject" in document ? document.openapiObject : {}) as object,
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  });
}
