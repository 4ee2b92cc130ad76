// Runs test/mistakes/run.ts. Node 20 can't run TypeScript by itself, so the folder is transpiled first.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "test/mistakes");
// Below node_modules, so that packages are found and git and the linter look away.
const target = join(root, "node_modules/.cache/marimba-mistakes");
for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
  const { outputText } = ts.transpileModule(readFileSync(join(source, file), "utf8"), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  const path = join(target, file.replace(/\.ts$/, ".js"));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, outputText);
}
writeFileSync(join(target, "package.json"), '{ "type": "module" }\n');
process.chdir(root);
await import(pathToFileURL(join(target, "run.js")).href);
