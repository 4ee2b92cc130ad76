import { byId } from "./element.js";

/** Asks for confirmation; resolves with whether the user confirmed. */
export function confirmed(title, sentence, action) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-sentence").textContent = sentence;
  byId("confirm-action").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
