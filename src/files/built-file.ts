/**
 * A file beside the compiled module that asks for it. Worker threads can't load TypeScript, and nothing is assembled or
 * copied into src/: a module that runs from its source (Vitest) is given the file of the build.
 */
export function builtFile(name: string, moduleUrl: string): URL {
  const url = moduleUrl.endsWith(".ts") ? moduleUrl.replace(/\/src\/(?!.*\/src\/)/, "/dist/") : moduleUrl;
  return new URL(name, url);
}
