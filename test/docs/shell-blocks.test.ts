import { describe, expect, it } from "vitest";
import { inlineCommands, shellBlocks } from "./shell-blocks.js";

const fence = (language: string, ...lines: string[]) =>
  ["Text", `\`\`\`${language}`, ...lines, "```", "More"].join("\n");

describe("shellBlocks", () => {
  it("finds every command, whole, with its line", () => {
    const text = fence("sh", "# why", "one", "", "two \\", "  -d '{", "}' x", "id=$(three |", "  four)");
    expect(shellBlocks(text)).toEqual([
      { line: 3, commands: ["one", "two \\\n  -d '{\n}' x", "id=$(three |\n  four)"] },
    ]);
  });

  it("reads blocks within lists", () => {
    const text = fence("sh", "one").replaceAll("\n", "\n   ");
    expect(shellBlocks(text)).toEqual([{ line: 3, commands: ["one"] }]);
  });

  it("passes over other languages, but not over commands in them", () => {
    expect(shellBlocks(fence("json", "{}") + fence("", "src/ main.ts"))).toEqual([]);
    expect(() => shellBlocks(fence("bash", "ls"))).toThrow(/mark it as sh/);
    expect(() => shellBlocks(fence("", "$ npm start"))).toThrow(/mark it as sh/);
  });

  it("refuses a command without an end", () => {
    expect(() => shellBlocks(fence("sh", "echo 'one"))).toThrow(/never ends/);
  });
});

describe("inlineCommands", () => {
  it("finds commands in sentences, over a line's end too, and no other code", () => {
    const text = `Type \`npm run\nload\`, not \`steps\`, \`node\` or\n${fence("sh", "npm ci")}\nor \`A=1 curl x\`.`;
    expect(inlineCommands(text)).toEqual(["npm run load", "A=1 curl x"]);
  });
});
