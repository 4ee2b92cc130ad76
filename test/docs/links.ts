import { existsSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const LINK = /(?<!`)\]\((?!https?:)([^)\s]+)\)/g;

/** A document's broken links to files and headings of the project, as `document: link`. */
export function brokenLinks(project: string, document: string): string[] {
  const text = readFileSync(join(project, document), "utf8");
  const links = [...text.matchAll(LINK)].map(([, link]) => link!);
  return links.filter((link) => !resolves(project, document, link)).map((link) => `${document}: ${link}`);
}

function resolves(project: string, document: string, link: string): boolean {
  const [path, heading] = link.split("#") as [string, string | undefined];
  const file = path === "" ? join(project, document) : resolve(project, document, "..", path);
  if (relative(project, file).startsWith("..") || !existsSync(file)) return false;
  if (heading === undefined) return true;
  return statSync(file).isFile() && anchors(readFileSync(file, "utf8")).includes(heading);
}

/** GitHub's anchors for a document's headings. */
function anchors(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
