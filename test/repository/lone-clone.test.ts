import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** The files that are or could be committed: all that `.gitignore` lets through. A checkout without `.git` has them too. */
function projectFiles(): string[] {
  const repository = mkdtempSync(join(tmpdir(), "marimba-files-"));
  const git = (...args: string[]) =>
    execFileSync("git", [`--git-dir=${repository}`, `--work-tree=${PROJECT}`, ...args], { encoding: "utf8" });
  git("init", "--quiet");
  const files = git("ls-files", "--others", "--exclude-standard", "-z").split("\0").filter(Boolean);
  rmSync(repository, { recursive: true });
  return files;
}

/** What only one developer has. The patterns escape what they look for, so that they don't find themselves. */
const ELSEWHERE = {
  "a path beside the clone": /\.\.\/shared\b/,
  "a developer's folder": /(?<![\w.~-])\/(?:work|root|(?:home|Users)\/\w+)\//,
  "a registry's host":
    /\b(?:npmjs\.(?:com|org)|yarnpkg\.com|npmmirror\.com|pypi\.org|pythonhosted\.org|(?:docker|ghcr|quay|gcr|azurecr)\.io|registry\.(?:[\w-]+\.)+(?:com|io|org)|pkg\.dev)\b/,
};

/** `FILE:LINE: what it names` for each line that a stranger's clone can't resolve. */
function findElsewhere(file: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) =>
    Object.entries(ELSEWHERE)
      .filter(([, pattern]) => pattern.test(line))
      .map(([what]) => `${file}:${index + 1}: ${what}`),
  );
}

test("no file names a path outside the clone, a developer's folder or a registry's host", () => {
  const files = projectFiles();
  expect(files).toContain("test/repository/lone-clone.test.ts");
  const found = files.flatMap((file) => {
    const bytes = readFileSync(join(PROJECT, file));
    return bytes.includes(0) ? [] : findElsewhere(file, bytes.toString());
  });
  expect(found).toEqual([]);
});

test("each kind is found", () => {
  const path = (...parts: string[]) => parts.join("/");
  for (const [what, text] of [
    ["a path beside the clone", `see ${path("..", "shared", "reference")}`],
    ["a developer's folder", `"${path("", "work", "main", "src")}"`],
    ["a developer's folder", `cd ${path("", "home", "ada", "marimba")}`],
    ["a developer's folder", `cd ${path("", "root", "marimba")}`],
    ["a registry's host", `https://${["registry", "npmjs", "org"].join(".")}/zod`],
    ["a registry's host", `FROM ${["ghcr", "io"].join(".")}/node`],
  ])
    expect(findElsewhere("a.md", `one\n${text}`)).toEqual([`a.md:2: ${what}`]);
});
