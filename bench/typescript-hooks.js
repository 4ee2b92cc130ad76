// Module hooks: strip the types of bench/ and test/, and load their imports from src/ out of dist/, the code that is served.
import { readFile } from "node:fs/promises";
import ts from "typescript";

const bench = new URL("./", import.meta.url).href;
const tests = new URL("../test/", import.meta.url).href;
const source = new URL("../src/", import.meta.url).href;
const built = new URL("../dist/", import.meta.url).href;

const isOurs = (url) => url?.startsWith(bench) || url?.startsWith(tests);

export async function resolve(specifier, context, nextResolve) {
  if (!isOurs(context.parentURL) || !specifier.startsWith(".")) return nextResolve(specifier, context);
  const { href } = new URL(specifier, context.parentURL);
  if (href.startsWith(source)) return nextResolve(built + href.slice(source.length), context);
  return nextResolve(isOurs(href) ? href.replace(/\.js$/, ".ts") : href, context);
}

export async function load(url, context, nextLoad) {
  if (!isOurs(url) || !url.endsWith(".ts")) return nextLoad(url, context);
  const { outputText } = ts.transpileModule(await readFile(new URL(url), "utf8"), {
    fileName: url,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
  });
  return { format: "module", source: outputText, shortCircuit: true };
}
