import { nearMisses } from "../validation/near-misses.js";
import type { Manifest, ModelClass } from "./manifest.js";

export type ClassSearch =
  | { readonly kind: "found"; readonly class: ModelClass }
  /** More than one class goes by the name. */
  | { readonly kind: "ambiguous"; readonly classes: readonly ModelClass[] }
  | { readonly kind: "unknown"; readonly suggestions: readonly string[] };

/** Finds a class by its index, or case-insensitively by id, name, or one of the names in `tench, Tinca tinca`. */
export function findClass(manifest: Manifest, asked: number | string): ClassSearch {
  if (typeof asked === "number") {
    const byIndex = manifest.classes[asked];
    return byIndex ? { kind: "found", class: byIndex } : { kind: "unknown", suggestions: [] };
  }
  const words = classWords(manifest);
  const classes = words.get(asked.trim().toLowerCase()) ?? [];
  if (classes.length === 1) return { kind: "found", class: classes[0]! };
  if (classes.length > 1) return { kind: "ambiguous", classes };
  return { kind: "unknown", suggestions: nearMisses(asked.trim(), words.keys()) };
}

const wordsOfManifest = new WeakMap<Manifest, Map<string, readonly ModelClass[]>>();

/** Every word a class goes by. A whole name or an id goes before a part of another class's name. */
function classWords(manifest: Manifest): Map<string, readonly ModelClass[]> {
  const known = wordsOfManifest.get(manifest);
  if (known) return known;
  const words = new Map<string, readonly ModelClass[]>();
  addWords(words, manifest.classes, (c) => (c.id === undefined ? [c.name] : [c.name, c.id]));
  const parts = new Map<string, readonly ModelClass[]>();
  addWords(parts, manifest.classes, (c) => (c.name.includes(",") ? c.name.split(",") : []));
  for (const [word, classes] of parts) if (!words.has(word)) words.set(word, classes);
  wordsOfManifest.set(manifest, words);
  return words;
}

function addWords(
  words: Map<string, readonly ModelClass[]>,
  classes: readonly ModelClass[],
  wordsOf: (c: ModelClass) => readonly string[],
): void {
  for (const modelClass of classes) {
    const own = new Set(wordsOf(modelClass).map((word) => word.trim().toLowerCase()));
    for (const word of own) if (word) words.set(word, [...(words.get(word) ?? []), modelClass]);
  }
}
