import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { VERSION } from "../src/files/package.js";
import { Marimba } from "./commands/marimba.js";

/** Each command with an option that it takes, or none. */
const OPTIONS: Readonly<Record<string, string | undefined>> = {
  serve: undefined,
  api: undefined,
  worker: undefined,
  queue: "--model",
  key: "--name",
  sample: "--class",
  evaluate: "--out",
  sweep: "--out",
  import: "--name",
  parity: "--schedules",
};
const COMMANDS = Object.keys(OPTIONS);

const run = (...args: string[]) => new Marimba(args).ended;

describe("marimba", () => {
  it("--help lists the commands on one screen, --version prints the version", async () => {
    const help = await run("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const name of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    const lines = help.stdout.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
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

  it("refuses an unknown command with exit code 2, and suggests the nearest", async () => {
    expect(await run("sevre")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'Unknown command "sevre"; did you mean serve?\n',
    });
    expect((await run("toString")).stderr).toBe('Unknown command "toString"; marimba --help lists the commands.\n');
    expect(await run()).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/marimba COMMAND/) });
  });

  it.each(COMMANDS)("%s describes itself, and refuses unknown options and words", async (name) => {
    for (const word of ["--help", "-h"]) {
      const help = await run(name, word);
      expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(`marimba ${name}`) });
    }
    const option = await run(name, "--no-such-option");
    expect(option).toMatchObject({ code: 2, stdout: "" });
    expect(option.stderr).toBe("Unknown option '--no-such-option'; --help describes the command.\n");
    expect(await run(name, "no", "such", "words")).toMatchObject({ code: 2, stdout: "" });
  });

  it.each(Object.entries(OPTIONS))(
    "%s refuses an option given twice, and suggests the nearest one",
    async (name, option) => {
      if (option === undefined) return;
      const twice = await run(name, option, "a", `${option}=b`);
      expect(twice).toMatchObject({ code: 2, stdout: "", stderr: `${option} is given twice; give it once.\n` });
      const [mistyped, last] = [option.slice(0, -1), option.at(-1)];
      const near = await run(name, `${mistyped}${last}${last}`, "a");
      expect(near).toMatchObject({ code: 2, stderr: `Unknown option '${option}${last}'; did you mean ${option}?\n` });
    },
  );
});
