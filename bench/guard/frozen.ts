import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { transpile } from "../../test/mistakes/compile.js";

/** The text of each file, by its path below the frozen project's root. */
type Files = Record<string, string>;

const FILE = "bench/guard/frozen.json.br";
/** What opens the frozen parts. */
const ENTRIES = ["worker", "queue", "api"].map((part) => `bench/guard/parts/${part}.js`);
/** What modules read beside themselves instead of importing it. */
const READ = ["src/api/playground", "src/queue/redis/lua"];

/** Keeps the project as it is built now: what later builds are compared with. */
export function freeze(root: string): void {
  const files: Files = { "package.json": readFileSync(join(root, "package.json"), "utf8") };
  const waiting = [...ENTRIES];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (path in files) continue;
    const text = compiledText(root, path);
    files[path] = text;
    for (const [, imported] of text.matchAll(/(?:from|import) ?\(?"(\.[^"]+\.js)"/g))
      waiting.push(join(dirname(path), imported!));
  }
  for (const folder of READ)
    for (const path of filesBelow(join(root, "dist", relative("src", folder))))
      files[join("src", relative(join(root, "dist"), path))] ??= readFileSync(path, "utf8");
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_LGWIN]: 24 };
  writeFileSync(join(root, FILE), brotliCompressSync(JSON.stringify(sorted), { params }));
}

/** Writes the frozen project below node_modules, so that its packages are found. Returns its root. */
export function thaw(root: string): string {
  const folder = join(root, "node_modules/.cache/marimba-guard", `${process.pid}`);
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const files = JSON.parse(brotliDecompressSync(readFileSync(join(root, FILE))).toString("utf8")) as Files;
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  // As the build bundles it: the package's own 537 modules take longer to be found.
  const bundle = "node_modules/typebox";
  if (existsSync(join(root, "dist", bundle)))
    cpSync(join(root, "dist", bundle), join(folder, "src", bundle), { recursive: true });
  return folder;
}

/** src/ lies in dist/ without its source maps; bench/ and test/ lie where they are. */
function compiledText(root: string, path: string): string {
  if (!path.startsWith("src/")) return transpile(readFileSync(join(root, path.replace(/js$/, "ts")), "utf8"));
  const text = readFileSync(join(root, "dist", relative("src", path)), "utf8");
  return text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}

function filesBelow(folder: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
  return all.filter((path) => statSync(path).isFile());
}
