// Lets node run the TypeScript of this folder: `node --import ./bench/typescript.js bench/main.ts`.
import { register } from "node:module";

register("./typescript-hooks.js", import.meta.url);
