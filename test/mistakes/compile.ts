import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type Mistake, plant } from "./mistake.js";

/** JavaScript as the build makes it, of one file. */
export function transpile(source: string): string {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    isolatedModules: true,
  };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

/**
 * Type errors of every mistake's file with the mistake in it. There must be none: a mistake that the compiler sees needs
 * neither parity nor a test, and one that names what is not there would be caught for the wrong reason.
 */
export function compilerErrors(root: string, mistakes: readonly Mistake[]): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // One program for all: each wrong file lies beside the right one, under a name of its own.
  const planted = new Map<string, string>();
  for (const mistake of mistakes) {
    const path = join(root, "src", mistake.file.replace(/ts$/, `${mistake.name}.ts`));
    planted.set(path, plant(mistake, readFileSync(join(root, "src", mistake.file), "utf8")));
  }
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => planted.has(path) || fileExists(path);
  host.readFile = (path) => planted.get(path) ?? readFile(path);
  const program = ts.createProgram([...planted.keys()], options, host);
  return [...planted.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)!;
    const errors = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return errors.map((error) => `${path}: ${ts.flattenDiagnosticMessageText(error.messageText, " ")}`);
  });
}
