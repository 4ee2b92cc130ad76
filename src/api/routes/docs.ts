import { readFile } from "node:fs/promises";
import swaggerUi from "@fastify/swagger-ui";
import Type from "typebox";
import { OPEN, withAccess } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { inFolder } from "../http/route-of.js";
import { PAGE_CSP } from "../http/security-headers.js";
import { openProblemResponses } from "../openapi/components.js";
import { presetTable } from "../openapi/preset-table.js";

interface OpenApiTags {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
}

/**
 * `GET /openapi.json` and, under `/docs`, the pages that show it; there the presets' measured quality stands beside the
 * models, unless keys guard what is served.
 */
export async function docsRoutes(app: Api, { models, keys }: ApiDeps): Promise<void> {
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
      // Swagger UI writes style attributes; everything else it needs is its own files.
      staticCSP: PAGE_CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
      logo: { type: "image/svg+xml", content: icon, href: "/" },
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

/** The document with words added to what it says of the models. */
function withModels(document: OpenApiTags, words: string): OpenApiTags {
  const tags = document.tags.map((tag) =>
    tag.name === "models" ? { ...tag, description: `${tag.description}\n\n${words}` } : tag,
  );
  return { ...document, tags };
}
