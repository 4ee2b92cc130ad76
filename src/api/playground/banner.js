// Shows when the connection to the server is lost, and when it is back.
import { connection } from "./api/connection.js";
import { byId } from "./element.js";

const BACK_MS = 4000;

export function showConnection() {
  const banner = byId("banner");
  let timer;
  connection.addEventListener("lost", () => {
    clearTimeout(timer);
    banner.className = "banner lost";
    banner.textContent = "The server does not respond. Reconnecting …";
  });
  connection.addEventListener("back", () => {
    banner.className = "banner back";
    banner.textContent = "Connected again.";
    timer = setTimeout(() => {
      banner.className = "banner";
      banner.textContent = "";
    }, BACK_MS);
  });
}
