/** A checkpoint that cannot be read: one sentence that states the mistake, its place and a correct alternative. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/** Names come from hostile files: show them short, on one line, with nothing that a terminal would obey. */
export function quote(text: string): string {
  const shown = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return JSON.stringify(shown.replace(/[^\x20-\x7e]/g, "?"));
}

/** Adds the file's path to a `CheckpointError`; other errors pass unchanged. */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof CheckpointError)) return error;
  return new CheckpointError(`${path} cannot be read: ${error.message}.`);
}

/** PyTorch writes checksums but does not check them; a damaged download would make wrong images in silence. */
export function checkCrc32(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new CheckpointError(`${what} is damaged: its bytes do not have the checksum that the file states for them`);
}
