// A module hook for a process that must load no package: one that does ends with an error.
export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  if (resolved.url.includes("/node_modules/")) throw new Error(`It loads the package ${specifier}.`);
  return resolved;
}
