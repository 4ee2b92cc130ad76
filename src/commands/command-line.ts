import { type ParseArgsConfig, parseArgs } from "node:util";
import { KeyFileError } from "../api/access/key-entry.js";
import { ConfigError } from "../config.js";
import { EngineFailure } from "../engine/engine.js";
import { ProviderError } from "../engine/runtime/provider.js";
import { Problem } from "../errors.js";
import { EvaluationError } from "../evaluation/error.js";
import { describeFileError } from "../files/file-errors.js";
import { CheckpointError } from "../importer/checkpoint/error.js";
import { ImportError } from "../importer/error.js";
import { RegistryError } from "../model/registry.js";
import { QueueUnavailable } from "../queue/queue.js";
import { ListenError } from "../telemetry/listening.js";
import { nearMisses } from "../validation/near-misses.js";
import { ImageFileError } from "./image-file.js";

/** The command line was wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const FOR_USERS = [
  UsageError,
  ConfigError,
  KeyFileError,
  RegistryError,
  EngineFailure,
  ProviderError,
  QueueUnavailable,
  ListenError,
  Problem,
  CheckpointError,
  ImportError,
  ImageFileError,
  EvaluationError,
];

/** By name, since importing their classes would load BullMQ or the importer into every command. */
const FOR_USERS_BY_NAME = ["QueueStartError", "RedisUrlError", "ParityError"];

/** Writes a sentence for an error that the user can fix, and a stack for a fault of ours. Returns the exit code. */
export function reportError(error: unknown): number {
  const { name, code, message, stack } = error as NodeJS.ErrnoException;
  const isForUsers =
    FOR_USERS.some((kind) => error instanceof kind) || FOR_USERS_BY_NAME.includes(name) || /^E[A-Z]+$/.test(code ?? "");
  const sentence = describeFileError(error) ?? (isForUsers ? message : (stack ?? String(error)));
  process.stderr.write(`${sentence}\n`);
  return error instanceof UsageError ? 2 : 1;
}

/**
 * `parseArgs`, but an option given twice is refused (parseArgs would silently drop the first), and a negative number is a
 * value: the seed's own check then rejects `--seed -1`. `--help` is handled in main.ts. Throws `UsageError`.
 */
export function readArguments<const Config extends ParseArgsConfig>(config: Config) {
  const options = config.options ?? {};
  const parsed = parse({ ...config, args: joinNegativeNumbers(config.args ?? [], options), tokens: true });
  const given = new Set<string>();
  for (const token of parsed.tokens as readonly { kind: string; name?: string }[]) {
    if (token.kind !== "option") continue;
    if (given.has(token.name!)) throw new UsageError(`--${token.name} is given twice; give it once.`);
    given.add(token.name!);
  }
  return parsed;
}

function parse<const Config extends ParseArgsConfig>(config: Config) {
  try {
    return parseArgs(config);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith("ERR_PARSE_ARGS_")) throw error;
    // Only the first sentence: Node's advice on `--` confuses more than it helps.
    const [sentence] = message.split(/\.\s/);
    const [, unknown] = /^Unknown option '--([^']+)'/.exec(message) ?? [];
    const names = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    const hint = suggest(unknown && `--${unknown}`, names, "--help describes the command.");
    throw new UsageError(`${sentence}; ${hint}`);
  }
}

/** The second half of a sentence that refuses a word: the name that is most like it, or else `otherwise`. */
export function suggest(word: string | undefined, names: readonly string[], otherwise: string): string {
  const [nearest] = word === undefined ? [] : nearMisses(word, names);
  return nearest ? `did you mean ${nearest}?` : otherwise;
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
