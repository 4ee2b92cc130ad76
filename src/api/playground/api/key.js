// The API key: stored until the tab closes, or on this device if the user asks for it; sent as a bearer token.
import { forget, recall, remember } from "../stored.js";

const NAME = "key";

export const currentKey = () => recall(NAME, "sessionStorage") ?? recall(NAME, "localStorage");
export const isKeptOnDevice = () => recall(NAME, "sessionStorage") === null && recall(NAME, "localStorage") !== null;

export function keepKey(key, onDevice) {
  forget(NAME);
  remember(NAME, key, onDevice ? "localStorage" : "sessionStorage");
}

export const forgetKey = () => forget(NAME);
