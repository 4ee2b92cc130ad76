// The ways to open an image in the editor: a file chosen, dropped anywhere on the page, or pasted.
import { byId } from "../element.js";

/** Calls `open(file)`. */
export function takeFiles(open) {
  const input = byId("file");
  for (const id of ["choose-file", "choose-another"]) byId(id).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const [file] = input.files;
    // The same file can be chosen again.
    input.value = "";
    if (file) open(file);
  });
  const holdsFile = ({ dataTransfer }) => dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (holdsFile(event)) event.preventDefault();
  });
  for (const [name, isOver] of [
    ["dragenter", true],
    ["dragleave", false],
    ["drop", false],
  ])
    addEventListener(name, (event) => {
      const isInside = name === "dragleave" && event.relatedTarget !== null;
      if (holdsFile(event) && !isInside) document.body.classList.toggle("receiving", isOver);
    });
  addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  addEventListener("paste", ({ clipboardData }) => {
    const file = [...clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file && !document.querySelector("dialog[open]")) open(file);
  });
}
