/** An import that cannot be done: one sentence that states the mistake and a correct alternative. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}
