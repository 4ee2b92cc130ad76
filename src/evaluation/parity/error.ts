/** A directory that cannot be compared at all: one sentence for people. */
export class ParityError extends Error {
  override readonly name = "ParityError";
}
