// npm run client [-- FOLDER]: compiles openapi/client and packs it into FOLDER (here by default); prints the package's path.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const client = join(dirname(fileURLToPath(import.meta.url)), "../openapi/client");
const folder = resolve(process.argv[2] ?? ".");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

rmSync(join(client, "dist"), { recursive: true, force: true });
const compiled = spawnSync(process.execPath, [tsc, "-p", join(client, "tsconfig.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
mkdirSync(folder, { recursive: true });
const npm = ["pack", "--silent", "--pack-destination", folder];
const packed = spawnSync("npm", npm, { cwd: client, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
if (packed.status !== 0) process.exit(packed.status ?? 1);
console.log(join(folder, packed.stdout.trim()));
