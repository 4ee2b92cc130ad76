// Asks for the API key when the server wants one, and lets the reader change or forget it.
import { currentKey, forgetKey, isKeptOnDevice, keepKey } from "./api/key.js";
import { byId } from "./element.js";

/** One question at a time, however many requests are refused at once. */
let question;

/** Resolves with whether a key was given. */
export function askForKey(wasRefused = false) {
  question ??= ask(wasRefused).finally(() => {
    question = undefined;
    showKeyButton();
  });
  return question;
}

function ask(wasRefused) {
  const dialog = byId("key-dialog");
  const input = byId("key");
  input.value = "";
  byId("keep-key").checked = isKeptOnDevice();
  byId("forget-key").hidden = currentKey() === null;
  showError(
    wasRefused ? "The key is not valid here. Check that all of it was copied, and that it is for this server." : "",
  );
  input.oninput = () => showError("");
  byId("key-form").onsubmit = (event) => {
    const error = event.submitter?.value === "use" ? whatIsWrongWith(input.value.trim()) : undefined;
    if (!error) return;
    event.preventDefault();
    showError(error);
    input.focus();
  };
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(take(dialog.returnValue, input.value.trim())), { once: true });
  });
}

function showError(sentence) {
  byId("key-error").textContent = sentence;
  byId("key-error").hidden = sentence === "";
  if (sentence === "") byId("key").removeAttribute("aria-invalid");
  else byId("key").setAttribute("aria-invalid", "true");
}

function whatIsWrongWith(key) {
  if (key === "") return "Enter a key, or choose “Not now”.";
  // Other characters can't be sent in a header.
  return /^[\x21-\x7e]+$/.test(key) ? undefined : "A key has no spaces, and only letters, digits and signs of ASCII.";
}

function take(answer, key) {
  if (answer === "forget") forgetKey();
  if (answer !== "use") return false;
  keepKey(key, byId("keep-key").checked);
  return true;
}

/** The button is there once a key is in use or was asked for. */
export function showKeyButton() {
  if (currentKey() !== null || question) byId("key-button").hidden = false;
}
