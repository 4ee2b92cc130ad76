import { KeyFileError } from "../api/access/key-entry.js";
import { ConfigError } from "../config.js";
import { EngineFailure } from "../engine/engine.js";
import { Problem } from "../errors.js";
import { EvaluationError } from "../evaluation/error.js";
import { describeFileError } from "../files/file-errors.js";
import { CheckpointError } from "../importer/checkpoint/error.js";
import { ImportError } from "../importer/error.js";
import { RegistryError } from "../model/registry.js";
import { QueueUnavailable } from "../queue/queue.js";
import { ListenError } from "../telemetry/listening.js";
import { PictureFileError } from "./picture-file.js";

/** The command line was not understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const FOR_USERS = [
  UsageError,
  ConfigError,
  KeyFileError,
  RegistryError,
  EngineFailure,
  QueueUnavailable,
  ListenError,
  Problem,
  CheckpointError,
  ImportError,
  PictureFileError,
  EvaluationError,
];

/** Errors of the Redis adapter, by name: their classes' files would load BullMQ where no Redis is used. */
const FOR_USERS_BY_NAME = ["QueueStartError", "RedisUrlError"];

/** Writes what went wrong: a sentence for what the user can mend, a stack for what only we can. Returns the exit code. */
export function reportError(error: unknown, command: string): number {
  const { name, code, message, stack } = error as NodeJS.ErrnoException;
  if (code?.startsWith("ERR_PARSE_ARGS_")) {
    // Only the first sentence: Node's advice on `--` confuses more than it helps.
    const [sentence] = message.split(/\.\s/);
    return reportError(new UsageError(`${sentence}; marimba ${command} --help says more.`), command);
  }
  const isForUsers =
    FOR_USERS.some((kind) => error instanceof kind) || FOR_USERS_BY_NAME.includes(name) || /^E[A-Z]+$/.test(code ?? "");
  const sentence = describeFileError(error) ?? (isForUsers ? message : (stack ?? String(error)));
  process.stderr.write(`${sentence}\n`);
  return error instanceof UsageError ? 2 : 1;
}
