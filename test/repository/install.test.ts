import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "marimba-install-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As a user's shell would run it: npm hands its settings down in the environment. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
const npm = (cwd: string, ...args: string[]) =>
  execFileSync("npm", args, { cwd, env, encoding: "utf8", stdio: "pipe" });

function project(name: string, manifest: object): string {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, "package.json"), JSON.stringify({ name, version: "1.0.0", ...manifest }));
  return path;
}

describe("npm ci", () => {
  it("runs no package's install step", () => {
    const mark = join(folder, "mark");
    const install = `node -e "require('node:fs').writeFileSync('${mark}', '')"`;
    const [tarball] = JSON.parse(npm(project("nosy", { scripts: { install } }), "pack", "--json")) as [
      { filename: string },
    ];
    const user = project("user", { dependencies: { nosy: `file:../nosy/${tarball.filename}` } });
    npm(user, "install", "--offline");
    expect(existsSync(mark)).toBe(true);
    rmSync(mark);

    copyFileSync(join(PROJECT, ".npmrc"), join(user, ".npmrc"));
    rmSync(join(user, "node_modules"), { recursive: true });
    npm(user, "ci", "--offline");
    expect(existsSync(join(user, "node_modules/nosy/package.json"))).toBe(true);
    expect(existsSync(mark)).toBe(false);
  });

  it("takes every package from a registry, with a checksum", () => {
    const { packages } = JSON.parse(readFileSync(join(PROJECT, "package-lock.json"), "utf8")) as {
      packages: Record<string, { version: string; resolved?: string; integrity?: string; link?: boolean }>;
    };
    const installed = Object.entries(packages).filter(([path, { link }]) => path.includes("node_modules/") && !link);
    expect(installed.length).toBeGreaterThan(200);
    for (const [path, { version, resolved, integrity }] of installed) {
      // An address would be git's, a file's or a site's; without one npm asks the registry for name and version.
      expect({ path, version, resolved, integrity }).toEqual({
        path,
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        resolved: undefined,
        integrity: expect.stringMatching(/^sha512-/),
      });
    }
  });

  it("has no install step of its own", () => {
    const { scripts } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { scripts: object };
    for (const step of ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"])
      expect(scripts).not.toHaveProperty(step);
  });
});
