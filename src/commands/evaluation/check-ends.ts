import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EvaluationError } from "../../evaluation/error.js";
import { featuresShape } from "../../evaluation/reference.js";
import type { EvaluateOptions } from "./options.js";

/** Whether `count` pictures can be compared and written as asked, known before they are made. Throws `EvaluationError` or the file system's. */
export async function checkEnds({ compare, writeReference }: EvaluateOptions, count: number): Promise<void> {
  if (writeReference !== undefined) await access(dirname(writeReference), constants.W_OK);
  if (compare === undefined) return;
  const [there] = await featuresShape(join(compare, "features.npz"));
  if (there !== count)
    throw new EvaluationError(`${count} pictures can't be compared with the ${there} of ${compare}: pairs are.`);
}
