// Writes openapi/openapi.json from the routes' schemas. Needs dist/: run it by `npm run openapi`.
import { mkdirSync, writeFileSync } from "node:fs";
import { pino } from "pino";
import { KeyRing } from "../dist/api/access/key-ring.js";
import { buildApp } from "../dist/api/app.js";
import { loadConfig } from "../dist/config.js";
import { LocalQueue } from "../dist/queue/local/local-queue.js";

const queue = new LocalQueue({ maxQueuedImages: 1, resultTtlMs: 1, maxResultBytes: 1 });
const app = await buildApp({
  config: loadConfig({}),
  queue,
  models: { default: "", list: () => [], get: () => undefined },
  readiness: () => ({ ready: false }),
  logger: pino({ level: "silent" }),
  // A server with keys, which is what the contract describes.
  keys: new KeyRing([]),
});
const file = new URL("../openapi/openapi.json", import.meta.url);
mkdirSync(new URL(".", file), { recursive: true });
writeFileSync(file, `${JSON.stringify(app.swagger(), null, 2)}\n`);
await app.close();
await queue.close();
