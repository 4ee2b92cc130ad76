// The image in the editor with its mask, stored per tab, so that a reloaded page shows them again.
import { forget, recall, remember } from "../stored.js";

const NAME = "edit";

/** Stores them whenever the page is left. */
export function keepEdit({ editor, form, work }) {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return;
    // If the storage has no room for this image, it must not keep an earlier one.
    forget(NAME);
    const { request } = editor;
    if (!request) return;
    const kept = { mode: work.mode, body: { ...request, model: form.model.id } };
    remember(NAME, JSON.stringify(kept), "sessionStorage");
  });
}

/** Shows the image again, in the mode in which the page was left. */
export async function recallEdit({ editor, form, work }) {
  const kept = JSON.parse(recall(NAME, "sessionStorage"));
  if (!kept) return;
  await form.useModelOf(kept.body);
  await editor.fill(kept.body);
  work.setMode(kept.mode);
}
