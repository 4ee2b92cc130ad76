import { findClass } from "../model/find-class.js";
import type { Manifest } from "../model/manifest.js";

/** A command for any shell that saves a picture of the model's first class, and no error in its place; the key from a variable. */
export function curlLine(address: string, manifest: Manifest, needsKey = false): string {
  const { name, index } = manifest.classes[0]!;
  const isUnique = findClass(manifest, name).kind === "found";
  const file =
    name
      .toLowerCase()
      .match(/[a-z0-9]+/g)
      ?.join("-")
      .slice(0, 40) ?? "picture";
  const body = JSON.stringify({ class: isUnique ? name : index }).replaceAll("'", "\\u0027");
  const key = needsKey ? '-H "Authorization: Bearer $MARIMBA_API_KEY" ' : "";
  const headers = "-H 'Accept: image/png' -H 'Content-Type: application/json'";
  return `curl -fsS -o ${file}.png ${key}${headers} -d '${body}' ${address}/generate`;
}
