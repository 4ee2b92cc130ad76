/** Images, statistics or a feature network can't be used; the message is a sentence. */
export class EvaluationError extends Error {
  override readonly name = "EvaluationError";
}
