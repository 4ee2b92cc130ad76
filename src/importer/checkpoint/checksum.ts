import { CheckpointError } from "./error.js";

/** PyTorch writes checksums but does not check them; a damaged download would give wrong pictures without a word. */
export function checkCrc32(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new CheckpointError(`${what} is damaged: its bytes do not have the checksum that the file states for them`);
}
