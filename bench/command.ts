import { reportError, UsageError } from "../src/commands/command-line.js";

/** Runs a command of bench/. Of what the caller can mend it prints a sentence, of a fault of ours the stack; then it exits with 1 or 2. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  await main().catch((error: unknown) => {
    process.exitCode = reportError(error);
  });
}

/** The value of an option that is a whole number of at least `least`. Throws `UsageError`. */
export function whole(option: string, text: string, least = 1): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${option} must be a whole number of at least ${least}, not ${JSON.stringify(text)}.`);
}
