// Writes openapi/openapi.json from the routes' schemas, and the client's types from it. Needs dist/: run it by
// `npm run openapi`.
import { mkdirSync, writeFileSync } from "node:fs";
import { pino } from "pino";
import { Registry } from "prom-client";
import { KeyRing } from "../dist/api/access/key-ring.js";
import { buildApp } from "../dist/api/app.js";
import { loadConfig } from "../dist/config.js";
import { LocalQueue } from "../dist/queue/local/local-queue.js";
import { clientTypes, DOCUMENT, TYPES } from "./client-types.js";

const queue = new LocalQueue({ maxQueuedImages: 1, resultTtlMs: 1, maxResultBytes: 1, maxCanvasBytes: 1 });
const app = await buildApp({
  config: loadConfig({}),
  queue,
  models: { default: "", list: () => [], get: () => undefined, folderOf: (name) => name },
  readiness: () => ({ ready: false }),
  logger: pino({ level: "silent" }),
  registry: new Registry(),
  // A server with keys, which is what the contract describes.
  keys: new KeyRing([]),
});
const document = app.swagger();
mkdirSync(new URL(".", DOCUMENT), { recursive: true });
writeFileSync(DOCUMENT, `${JSON.stringify(document, null, 2)}\n`);
writeFileSync(TYPES, await clientTypes(document));
await app.close();
await queue.close();
