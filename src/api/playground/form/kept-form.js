// What was asked for last, so that the form stands as it was when the page is loaded again.
import { recall, remember } from "../stored.js";

const NAME = "form";

export function keepForm(body, isSeedLocked) {
  remember(NAME, JSON.stringify({ body, isSeedLocked }));
}

/** Throws where the server has no longer what was asked for; the form then stands as it began. */
export async function recallForm(form) {
  const text = recall(NAME);
  if (text === null) return;
  const { body, isSeedLocked } = JSON.parse(text);
  const isServed = form.modelList.models.some(({ id }) => id === (body.model ?? form.modelList.default));
  if (!isServed) return;
  await form.fill(body);
  form.seed.setLocked(isSeedLocked);
}
