import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(PROJECT, "docs/security.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => /^\| (?!threat)/.test(line))
  .map((line) => line.split(" | ") as [threat: string, answer: string, tests: string]);

describe("docs/security.md", () => {
  it("has a row for each kind of threat", () => {
    for (const kind of [
      "Spoofing",
      "Tampering",
      "Repudiation",
      "Information disclosure",
      "Denial of service",
      "Elevation",
    ])
      expect(page).toContain(`\n## ${kind}`);
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)("%s", (_threat, _answer, tests) => {
    const named = [...tests.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)];
    let text = "";
    let titles = 0;
    for (const [, file, title] of named) {
      if (file !== undefined) text = readFileSync(join(PROJECT, file), "utf8");
      else expect(text, `${++titles}: ${title}`).toContain(title);
    }
    expect(titles).toBeGreaterThan(0);
  });
});
