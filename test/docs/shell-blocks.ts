import { spawnSync } from "node:child_process";

/** A fenced `sh` block of a document. */
export interface ShellBlock {
  /** Number of its first line, from 1. */
  readonly line: number;
  /** In order, without comments; a command may span several lines. */
  readonly commands: readonly string[];
}

export interface Fence {
  readonly language: string;
  readonly line: number;
  readonly text: string;
}

/** Languages under which a command would hide from `shellBlocks`. */
const OTHER_SHELLS = /^(bash|shell|console|zsh|terminal|shell-session)$/;
const LOOKS_LIKE_COMMAND = /^\s*(\$ )?(npm|npx|node|curl|docker|git|marimba)\s/m;

/** Every command in a document's blocks. Throws if a block of another language holds a command. */
export function shellBlocks(markdown: string): ShellBlock[] {
  const blocks: ShellBlock[] = [];
  for (const { language, line, text } of fences(markdown)) {
    if (language === "sh") blocks.push({ line, commands: splitCommands(text) });
    else if (OTHER_SHELLS.test(language) || (language === "" && LOOKS_LIKE_COMMAND.test(text)))
      throw new Error(`Line ${line} begins a block of commands: mark it as sh, so that it is tested.`);
  }
  return blocks;
}

const IN_A_SENTENCE = /^([A-Z_]+=\S+ )*(npm|npx|node|docker|kubectl|git|python3?|pip|curl|sha256sum) ./;

/** Every command in backticks within a sentence. */
export function inlineCommands(markdown: string): string[] {
  const prose = markdown.replace(/^(\s*)(`{3,}|~{3,})[\s\S]*?^\1\2\s*$/gm, "");
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, text]) => text!.replace(/\s+/g, " "));
  return spans.filter((text) => IN_A_SENTENCE.test(text));
}

/** Every fenced block. */
export function fences(markdown: string): Fence[] {
  const lines = markdown.split("\n");
  const found: Fence[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, indent, fence, language] = /^(\s*)(`{3,}|~{3,})\s*(\S*)/.exec(lines[i]!) ?? [];
    if (fence === undefined) continue;
    const line = i + 2;
    const text: string[] = [];
    while (++i < lines.length && lines[i]!.trim() !== fence) text.push(lines[i]!.replace(indent!, ""));
    found.push({ language: language!, line, text: text.join("\n") });
  }
  return found;
}

/** Joins lines until the shell finds the command complete. */
function splitCommands(text: string): string[] {
  const commands: string[] = [];
  let command = "";
  for (const line of text.split("\n")) {
    if (command === "" && (line.trim() === "" || line.trimStart().startsWith("#"))) continue;
    command += command === "" ? line : `\n${line}`;
    if (line.endsWith("\\") || spawnSync("sh", ["-n", "-c", command]).status !== 0) continue;
    commands.push(command);
    command = "";
  }
  if (command !== "") throw new Error(`This command never ends:\n${command}`);
  return commands;
}
