import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./command-line.js";

/**
 * `parseArgs`, but an option that is given twice is refused (the first would be dropped silently), and a negative number
 * is a value: `--seed -1` is then refused by what a seed must be. Throws `UsageError`, or what `parseArgs` throws.
 */
export function readArguments<const Config extends ParseArgsConfig>(config: Config) {
  const args = joinNegativeNumbers(config.args ?? [], config.options ?? {});
  const parsed = parseArgs({ ...config, args, tokens: true });
  const given = new Set<string>();
  for (const token of parsed.tokens as readonly { kind: string; name?: string }[]) {
    if (token.kind !== "option") continue;
    if (given.has(token.name!)) throw new UsageError(`--${token.name} is given twice; give it once.`);
    given.add(token.name!);
  }
  return parsed;
}

function joinNegativeNumbers(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? "";
    const takesValue = before.startsWith("--") && options[before.slice(2)]?.type === "string";
    if (takesValue && /^-\d/.test(arg)) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}
