// What the editor says below the image, and to screen readers.
import { PLACES } from "./edges.js";
import { isAcross } from "./sketch.js";
import { sampledCount } from "./tokens.js";

export const DONE = { undo: "Undone.", redo: "Redone.", clear: "The mask is empty.", invert: "The mask is inverted." };

/** `tokens` is [rows, columns]; 1: the token may be drawn again. */
export function describeTokens(tokens, strength) {
  const marked = tokens.reduce((sum, isMarked) => sum + isMarked, 0);
  if (marked === 0) return "Paint over what the model should draw again, or drag an edge to extend the image.";
  const drawn = sampledCount(tokens, strength);
  const verb = drawn === 1 ? "is" : "are";
  if (drawn === marked) return `${drawn} of ${tokens.length} tokens ${verb} drawn again.`;
  return `${drawn} of the ${marked} marked tokens ${verb} drawn again. The seed chooses which.`;
}

/** Empty if the image is not extended. */
export function describeExtension(sketch) {
  const { extension, isExtended, replaced } = sketch;
  if (!isExtended) return "";
  if (extension.tokens === 0) return "This margin leaves no room to extend the image.";
  const limit = extension.tokens === sketch.most(extension.side) ? ", the most with this margin" : "";
  const added = `${lines(extension)} of tokens added ${PLACES[extension.side]}${limit}.`;
  if (!replaced) return added;
  return `${added} ${lines(replaced)} ${PLACES[replaced.side]} ${replaced.tokens === 1 ? "was" : "were"} removed.`;
}

const lines = ({ side, tokens }) => `${tokens} ${isAcross(side) ? "column" : "row"}${tokens === 1 ? "" : "s"}`;
