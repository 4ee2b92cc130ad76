/** What a `.dockerignore` lets into a build, for paths relative to it: the last pattern that matches decides. */
export function readDockerIgnore(text: string): (path: string) => boolean {
  const patterns = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => ({ lets: line.startsWith("!"), pattern: toRegExp(line.replace(/^!/, "")) }));
  return (path) => patterns.findLast(({ pattern }) => pattern.test(path))?.lets ?? true;
}

/** A pattern that matches a folder matches all that is in it. */
function toRegExp(glob: string): RegExp {
  const source = glob
    .replace(/^\/|\/$/g, "")
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*|\?/g, (wildcard) => WILDCARDS[wildcard]!);
  return new RegExp(`^${source}(/.*)?$`);
}

const WILDCARDS: Record<string, string> = { "**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" };
