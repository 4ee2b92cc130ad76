// Asks for the API key when the server requires one, and lets the user change or forget it.
import { currentKey, forgetKey, isKeptOnDevice, keepKey } from "./api/key.js";
import { byId } from "./element.js";

/** Only one dialog at a time, even if several requests are refused. */
let question;

/** Resolves with whether the user entered a key. */
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
    wasRefused
      ? "This server does not accept the key. Check that you copied all of it, and that it belongs to this server."
      : "",
  );
  input.oninput = () => showError("");
  byId("key-form").onsubmit = (event) => {
    const error = event.submitter?.value === "use" ? problemWith(input.value.trim()) : undefined;
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

function problemWith(key) {
  if (key === "") return "Enter a key, or choose “Not now”.";
  // A header can hold no other characters.
  return /^[\x21-\x7e]+$/.test(key)
    ? undefined
    : "A key consists of ASCII letters, digits and punctuation, without spaces.";
}

function take(answer, key) {
  if (answer === "forget") forgetKey();
  if (answer !== "use") return false;
  keepKey(key, byId("keep-key").checked);
  return true;
}

/** Shows the button once a key is in use or was requested. */
export function showKeyButton() {
  if (currentKey() !== null || question) byId("key-button").hidden = false;
}
