import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(PROJECT, "docs/licences.md"), "utf8");

const PERMISSIVE = ["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0", "CC0-1.0"];

/** `(MIT OR CC0-1.0)`: one of them is enough; of `A AND B` both must do. */
function isPermissive(expression: string): boolean {
  const words = expression.replace(/[()]/g, "");
  return words.split(" AND ").every((part) => part.split(" OR ").some((licence) => PERMISSIVE.includes(licence)));
}

describe("licences of what is installed to serve", () => {
  it("are those that docs/licences.md lists; `node scripts/licences.js` writes it anew", () => {
    const folder = mkdtempSync(join(tmpdir(), "marimba-licences-"));
    execFileSync(process.execPath, ["scripts/licences.js", join(folder, "page.md")], { cwd: PROJECT });
    expect(page).toBe(readFileSync(join(folder, "page.md"), "utf8"));
    rmSync(folder, { recursive: true });
  });

  it("are permissive, but for libvips inside sharp's libraries", () => {
    const rows = [...page.matchAll(/^\| (?!licence|--)(.+?) \| (.+) \|$/gm)];
    expect(rows.length).toBeGreaterThan(4);
    for (const [, licence, packages] of rows) {
      if (isPermissive(licence!)) continue;
      expect(licence).toContain("LGPL-3.0-or-later");
      for (const name of packages!.split(", ")) expect(name).toMatch(/^@img\/sharp-/);
    }
  });
});
