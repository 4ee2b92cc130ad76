// Asks for the API key when the server wants one, and lets the reader change or forget it.
import { currentKey, forgetKey, isKeptOnDevice, keepKey } from "./api/key.js";
import { byId } from "./element.js";

/** One question at a time, however many requests are refused at once. */
let question;

/** Resolves with whether a key was given. `problem` is why one is asked for. */
export function askForKey(problem) {
  question ??= ask(problem).finally(() => {
    question = undefined;
    showKeyButton();
  });
  return question;
}

function ask(problem) {
  const dialog = byId("key-dialog");
  const input = byId("key");
  const error = byId("key-error");
  input.value = "";
  byId("keep-key").checked = isKeptOnDevice();
  byId("forget-key").hidden = currentKey() === null;
  error.textContent = problem?.message ?? "";
  error.hidden = !problem;
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(take(dialog.returnValue, input.value.trim())), { once: true });
  });
}

function take(answer, key) {
  if (answer === "forget") forgetKey();
  if (answer !== "use" || key === "") return false;
  keepKey(key, byId("keep-key").checked);
  return true;
}

/** The button is there once a key is in use or was asked for. */
export function showKeyButton() {
  if (currentKey() !== null || question) byId("key-button").hidden = false;
}
