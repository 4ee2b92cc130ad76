/** Pictures, statistics or a feature network can't be used: a sentence. */
export class EvaluationError extends Error {
  override readonly name = "EvaluationError";
}
