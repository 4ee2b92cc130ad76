import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { UsageError } from "../../src/commands/command-line.js";
import { transpile } from "../../test/mistakes/compile.js";
import { PART_NAMES } from "./parts/parts.js";

/** By paths below the frozen project's root. */
interface Frozen {
  readonly texts: Record<string, string>;
  /** The model's graphs, in base64. Their weights are those of the project, if they have as many bytes. */
  readonly graphs: Record<string, string>;
  readonly weightBytes: number;
}

export const FROZEN_FILE = "bench/guard/frozen.json.br";
/** What opens the frozen parts. */
const ENTRIES = PART_NAMES.map((part) => `bench/guard/parts/${part}.js`);
/** What modules read beside themselves instead of importing it. */
const READ = ["src/api/playground", "src/queue/redis/lua"];
const MODEL = "models/demo";
const WEIGHTS = join(MODEL, "weights.bin");

/** Keeps the project as it is built now: what later builds are compared with. */
export function freeze(root: string): void {
  const texts = Object.fromEntries(
    ["package.json", join(MODEL, "model.json")].map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
  const waiting = [...ENTRIES];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (path in texts) continue;
    const text = compiledText(root, path);
    texts[path] = text;
    // What a module imports, and the threads that it starts.
    for (const [, imported] of text.matchAll(/(?:(?:from|import) ?\(?"(?=\.)|builtFile\(")([^"]+\.js)"/g))
      waiting.push(join(dirname(path), imported!));
  }
  for (const folder of READ)
    for (const path of filesBelow(join(root, "dist", relative("src", folder))))
      texts[join("src", relative(join(root, "dist"), path))] ??= readFileSync(path, "utf8");
  const graphs = readdirSync(join(root, MODEL)).filter((name) => /^(predict|denoise|decode|encode)\.onnx$/.test(name));
  const frozen: Frozen = {
    texts: Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1))),
    graphs: Object.fromEntries(
      graphs.map((name) => [join(MODEL, name), readFileSync(join(root, MODEL, name), "base64")]),
    ),
    weightBytes: statSync(join(root, WEIGHTS)).size,
  };
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_LGWIN]: 24 };
  writeFileSync(join(root, FROZEN_FILE), brotliCompressSync(JSON.stringify(frozen), { params }));
}

/**
 * Writes the frozen project below node_modules, so that its packages are found. Returns its root. Throws if the project's model
 * has other weights.
 */
export function thaw(root: string): string {
  const { texts, graphs, weightBytes } = JSON.parse(
    brotliDecompressSync(readFileSync(join(root, FROZEN_FILE))).toString("utf8"),
  ) as Frozen;
  if (statSync(join(root, WEIGHTS)).size !== weightBytes)
    throw new UsageError(`${WEIGHTS} is not that of the frozen model; npm run guard -- --record freezes the new one.`);
  const folder = join(root, "node_modules/.cache/marimba-guard", `${process.pid}`);
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  for (const [path, text] of Object.entries(texts)) write(path, text);
  for (const [path, graph] of Object.entries(graphs)) write(path, Buffer.from(graph, "base64"));
  copyFileSync(join(root, WEIGHTS), join(folder, WEIGHTS));
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
