import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(PROJECT, "node_modules/typescript/bin/tsc");

/** A project of its own, as a user's: it has the client from its package, and what npm brought along for it. */
export class FreshProject {
  private constructor(readonly folder: string) {}

  static async make(): Promise<FreshProject> {
    const folder = await mkdtemp(join(tmpdir(), "marimba-client-"));
    await run("npm", ["run", "--silent", "client", "--", folder], { cwd: PROJECT });
    const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
    const manifest = {
      name: "fresh",
      private: true,
      type: "module",
      dependencies: { "@marimba/client": `file:${tarball}` },
    };
    await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
    // What `npm ci` of the repository fetched lies in npm's cache.
    await run("npm", ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
    return new FreshProject(folder);
  }

  /** Compiles a program as strictly as can be, declarations of packages included, runs it, and returns what it prints. */
  async runTypeScript(name: string, source: string, environment: Record<string, string> = {}): Promise<string> {
    const config = {
      compilerOptions: {
        module: "NodeNext",
        target: "ES2022",
        lib: ["ES2022", "DOM", "DOM.AsyncIterable"],
        types: ["node"],
        typeRoots: [join(PROJECT, "node_modules/@types")],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
      },
      files: [`${name}.ts`],
    };
    await writeFile(join(this.folder, `${name}.ts`), source);
    await writeFile(join(this.folder, `${name}.json`), JSON.stringify(config));
    await run(process.execPath, [TSC, "-p", `${name}.json`], { cwd: this.folder }).catch(({ stdout }) => {
      throw new Error(stdout);
    });
    const options = { cwd: this.folder, env: { PATH: process.env.PATH, ...environment } };
    return (await run(process.execPath, [`${name}.js`], options)).stdout;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
