/** An import that cannot be done: one sentence for people, saying what is wrong and what would be right. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}
