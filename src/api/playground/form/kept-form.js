// The last request, so that a reloaded page shows the form as it was.
import { recall, remember } from "../stored.js";

const NAME = "form";

export function keepForm(body, isSeedLocked) {
  remember(NAME, JSON.stringify({ body, isSeedLocked }));
}

/** Throws if the server cannot serve the request any more; the form then keeps its initial values. */
export async function recallForm(form) {
  const text = recall(NAME);
  if (text === null) return;
  const { body, isSeedLocked } = JSON.parse(text);
  const isServed = form.modelList.models.some(({ id }) => id === (body.model ?? form.modelList.default));
  if (!isServed) return;
  await form.fill(body);
  form.seed.setLocked(isSeedLocked);
}
