import { readFile } from "node:fs/promises";
import swaggerUi from "@fastify/swagger-ui";
import Type from "typebox";
import { OPEN, withAccess } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { PAGE_CSP } from "../http/browsers.js";
import { inFolder } from "../http/known-paths.js";
import { openProblemResponses } from "../openapi/components.js";
import { presetTable } from "../openapi/document.js";

interface OpenApiTags {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
}

/**
 * `GET /openapi.json` and, under `/docs`, Swagger UI, which adds the presets' measured quality unless the server requires
 * keys.
 */
export async function docsRoutes(app: Api, { models, keys, config }: ApiDeps): Promise<void> {
  const table = keys ? undefined : presetTable(models.list());
  const schema = {
    operationId: "getOpenApi",
    tags: ["health"],
    security: [],
    summary: "This document",
    response: {
      200: Type.Unsafe<unknown>({
        description: "OpenAPI 3.1.",
        content: { "application/json": { schema: Type.Unsafe<unknown>({ type: "object" }) } },
      }),
      ...openProblemResponses(),
    },
  };
  app.get("/openapi.json", { schema, config: OPEN }, () => app.swagger());
  const icon = await readFile(new URL("../playground/icon.svg", import.meta.url));
  await app.register(async (docs) => {
    docs.addHook("onRoute", withAccess(OPEN));
    docs.addHook("onRoute", inFolder("/docs/"));
    await docs.register(swaggerUi, {
      routePrefix: "/docs",
      indexPrefix: config.publicPath,
      // Swagger UI writes style attributes; everything else comes from its own files.
      staticCSP: PAGE_CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
      logo: { type: "image/svg+xml", content: icon, href: `${config.publicPath}/` },
      theme: {
        title: "Marimba: API",
        favicon: [{ filename: "icon.svg", rel: "icon", type: "image/svg+xml", sizes: "any", content: icon }],
      },
      ...(table && { transformSpecification: (document) => withModels(document as unknown as OpenApiTags, table) }),
      uiConfig: { deepLinking: true, validatorUrl: null, displayRequestDuration: true },
      logLevel: "warn",
    });
  });
}

/** The document with a text added to the description of its models. */
function withModels(document: OpenApiTags, text: string): OpenApiTags {
  const tags = document.tags.map((tag) =>
    tag.name === "models" ? { ...tag, description: `${tag.description}\n\n${text}` } : tag,
  );
  return { ...document, tags };
}
