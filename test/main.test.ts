import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { VERSION } from "../src/files/package.js";
import { Marimba } from "./commands/marimba.js";

const COMMANDS = ["serve", "api", "worker", "queue", "sample", "import", "parity", "evaluate", "sweep"];

const run = (...args: string[]) => new Marimba(args).ended;

describe("marimba", () => {
  it("--help lists the commands, --version tells the version", async () => {
    const help = await run("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const name of COMMANDS) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    }
    expect(await run("--version")).toMatchObject({ code: 0, stdout: `${VERSION}\n` });
  });

  it.each(["--help", "--version", "sevre"])("%s is instant: it loads no package", async (word) => {
    const hook = JSON.stringify(new URL("refuse-packages.js", import.meta.url));
    const register = encodeURIComponent(`import { register } from "node:module"; register(${hook});`);
    const environment = { NODE_OPTIONS: `--import=data:text/javascript,${register}` };
    const hooked = (command: string) => new Marimba([command], environment).ended;
    expect((await hooked("import")).stderr).toMatch("loads the package");
    expect((await hooked(word)).stderr).not.toMatch("loads the package");
  });

  it("loads the bundled typebox, since its 537 files take their time", () => {
    const typebox = createRequire(new URL("../dist/main.js", import.meta.url)).resolve("typebox");
    expect(typebox).toMatch(/dist.node_modules.typebox.index\.js$/);
  });

  it("refuses what is no command with exit code 2, and suggests the one that was meant", async () => {
    expect(await run("sevre")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'There is no command "sevre"; did you mean serve?\n',
    });
    expect((await run("toString")).stderr).toBe(
      'There is no command "toString"; marimba --help lists those there are.\n',
    );
    expect(await run()).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/marimba COMMAND/) });
  });

  it.each(COMMANDS)("%s explains itself, and refuses options it doesn't know", async (name) => {
    const help = await run(name, "--help");
    expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(`marimba ${name}`) });
    const misused = await run(name, "--no-such-option");
    expect(misused).toMatchObject({ code: 2, stdout: "" });
    expect(misused.stderr).toBe(`Unknown option '--no-such-option'; marimba ${name} --help says more.\n`);
  });
});
