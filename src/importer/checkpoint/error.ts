/** A checkpoint that cannot be read: one sentence for people, saying what is wrong, where, and what would be right. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/** Names come from hostile files: show them short, on one line, with nothing that a terminal would obey. */
export function quote(text: string): string {
  const shown = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return JSON.stringify(shown.replace(/[^\x20-\x7e]/g, "?"));
}

/** Says in which file the error was found; errors of other kinds pass unchanged. */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof CheckpointError)) return error;
  return new CheckpointError(`${path} cannot be read: ${error.message}.`);
}

/** PyTorch writes checksums but does not check them; a damaged download would give wrong pictures without a word. */
export function checkCrc32(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new CheckpointError(`${what} is damaged: its bytes do not have the checksum that the file states for them`);
}
