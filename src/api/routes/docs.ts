import { readFile } from "node:fs/promises";
import swaggerUi from "@fastify/swagger-ui";
import Type from "typebox";
import { OPEN, withAccess } from "../access/authentication.js";
import type { Api } from "../app.js";
import { openProblemResponses } from "../components.js";
import { inFolder } from "../route-of.js";
import { PAGE_CSP } from "../security-headers.js";

/** `GET /openapi.json` and, under `/docs`, the pages that show it. */
export async function docsRoutes(app: Api): Promise<void> {
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
      uiConfig: { deepLinking: true, validatorUrl: null, displayRequestDuration: true },
      logLevel: "warn",
    });
  });
}
