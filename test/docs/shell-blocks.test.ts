import { describe, expect, it } from "vitest";
import { inlineCommands, shellBlocks } from "./shell-blocks.js";

const fence = (language: string, ...lines: string[]) =>
  ["Text", `\`\`\`${language}`, ...lines, "```", "More"].join("\n");

describe("shellBlocks", () => {
  it("finds every complete command and its line", () => {
    const text = fence("sh", "# why", "one", "", "two \\", "  -d '{", "}' x", "id=$(three |", "  four)");
    expect(shellBlocks(text)).toEqual([
      { line: 3, commands: ["one", "two \\\n  -d '{\n}' x", "id=$(three |\n  four)"] },
    ]);
  });

  it("reads blocks within lists", () => {
    const text = fence("sh", "one").replaceAll("\n", "\n   ");
    expect(shellBlocks(text)).toEqual([{ line: 3, commands: ["one"] }]);
  });

  it("ignores other languages, but refuses commands in them", () => {
    expect(shellBlocks(fence("json", "{}") + fence("", "src/ main.ts"))).toEqual([]);
    expect(() => shellBlocks(fence("bash", "ls"))).toThrow(/mark it as sh/);
    expect(() => shellBlocks(fence("", "$ npm start"))).toThrow(/mark it as sh/);
  });

  it("refuses an incomplete command", () => {
    expect(() => shellBlocks(fence("sh", "echo 'one"))).toThrow(/never ends/);
  });
});

describe("inlineCommands", () => {
  it("finds commands in sentences, across line ends, and no other code", () => {
    const text = `Type \`npm run\nload\`, not \`steps\`, \`node\` or\n${fence("sh", "npm ci")}\nor \`A=1 curl x\`.`;
    expect(inlineCommands(text)).toEqual(["npm run load", "A=1 curl x"]);
  });
});
