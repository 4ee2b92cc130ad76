// Lets Node run the TypeScript in this folder: `node --import ./bench/typescript.js bench/layers/main.ts`.
import { register } from "node:module";

process.env.ORT_DISABLE_TELEMETRY = "1"; // As src/main.ts does it.
register("./typescript-hooks.js", import.meta.url);
