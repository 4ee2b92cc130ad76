// Lets Node run the TypeScript in this folder: `node --import ./bench/typescript.js bench/layers/main.ts`.
import { register } from "node:module";

register("./typescript-hooks.js", import.meta.url);
