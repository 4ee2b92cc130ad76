import { reportError, UsageError } from "../src/commands/command-line.js";

/**
 * Runs a command of bench/. Of what the caller can mend it prints a sentence, as bench/'s own errors have it, which are plain
 * ones; of a fault of ours the stack. Then it exits with 1 or 2.
 */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  await main().catch((error: unknown) => {
    const isPlain = error instanceof Error && error.constructor === Error && !("code" in error);
    if (isPlain) process.stderr.write(`${error.message}\n`);
    process.exitCode = isPlain ? 1 : reportError(error);
  });
}

/** The value of an option that is a whole number from `least` to `most`. Throws `UsageError`. */
export function whole(option: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`--${option} must be a whole number ${range}, not ${JSON.stringify(text)}.`);
}
