import { ConfigError } from "../../config.js";
import { Problem } from "../../errors.js";
import { findClass } from "../../model/find-class.js";
import type { Manifest, ModelClass } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import { showValue } from "../../validation/field-errors.js";
import { nearMisses } from "../../validation/near-misses.js";
import type { Adjustment } from "./schemas.js";

/** `PROMPT_FALLBACK`: a prompt that names no class is refused, or gets an image without a class, or one of this class. */
export const REFUSE = "refuse";
const UNCONDITIONAL = "unconditional";

/** Throws `ConfigError` if no model has the class. */
export function checkPromptFallback(fallback: string, models: ModelRegistry): void {
  if (fallback === REFUSE || models.list().some((manifest) => fallbackClass(fallback, manifest) !== undefined)) return;
  throw new ConfigError([
    `PROMPT_FALLBACK is ${showValue(fallback)}; it must be ${REFUSE}, ${UNCONDITIONAL}, or a class of a served model.`,
  ]);
}

/** Null for no class; undefined if the model does not have the class. */
function fallbackClass(fallback: string, manifest: Manifest): number | null | undefined {
  if (fallback === UNCONDITIONAL) return null;
  const search = findClass(manifest, /^\d{1,9}$/.test(fallback) ? Number(fallback) : fallback);
  return search.kind === "found" ? search.class.index : undefined;
}

/** Which class counts where a prompt names several: an edit's names what is there before what it is to become. */
export type Choice = "longest" | "last";

/** The index of the class that a prompt names, or that of the fallback, which is noted. Throws `unknown_class`. */
export function classOrFallback(
  prompt: string,
  manifest: Manifest,
  fallback: string,
  adjusted: Adjustment[],
  choice: Choice = "longest",
): number | null {
  try {
    return classOfPrompt(prompt, manifest, choice).index;
  } catch (error) {
    const index = fallback === REFUSE ? undefined : fallbackClass(fallback, manifest);
    if (!(error instanceof Problem) || index === undefined) throw error;
    const shown = index === null ? "no class" : `the class ${showValue(manifest.classes[index]!.name)}`;
    adjusted.push({ param: "prompt", message: `names no single class of ${manifest.name}, so ${shown} was used` });
    return index;
  }
}

/**
 * The class that a prompt names. A class-conditional model understands no sentences, so the prompt is, in this order:
 * 1. a class's name or id, as in `class` of `POST /generate`;
 * 2. a class's index;
 * 3. a text that contains a class's name, word by word. The name with the most words wins, then the one with the most
 *    characters, then the first one in the text; with the choice `last`, the name that ends last does.
 * Throws `unknown_class`, also if two classes have the name.
 */
export function classOfPrompt(prompt: string, manifest: Manifest, choice: Choice = "longest"): ModelClass {
  const search = findClass(manifest, prompt);
  if (search.kind === "found") return search.class;
  if (search.kind === "ambiguous") throw ambiguous(prompt, search.classes);
  if (/^\s*\d{1,9}\s*$/.test(prompt)) {
    const byIndex = manifest.classes[Number(prompt)];
    if (byIndex) return byIndex;
  }
  const mentioned = findMention(wordsOf(prompt), phrasesOf(manifest), choice);
  if (!mentioned) throw unknown(prompt, manifest);
  if (mentioned.classes.length > 1) throw ambiguous(mentioned.words.join(" "), mentioned.classes);
  return mentioned.classes[0]!;
}

/** The words of a name, and the classes that have it. */
interface Phrase {
  readonly words: readonly string[];
  readonly characters: number;
  readonly classes: readonly ModelClass[];
}

/** By first word. */
type Phrases = ReadonlyMap<string, readonly Phrase[]>;

function findMention(words: readonly string[], phrases: Phrases, choice: Choice): Phrase | undefined {
  let best: Phrase | undefined;
  let bestEnd = 0;
  for (let at = 0; at < words.length; at++) {
    for (const phrase of phrases.get(words[at]!) ?? []) {
      if (!phrase.words.every((word, i) => words[at + i] === word)) continue;
      const end = at + phrase.words.length;
      const isBetter = choice === "last" ? end > bestEnd : !best || isLonger(phrase, best);
      if (isBetter) [best, bestEnd] = [phrase, end];
    }
  }
  return best;
}

function isLonger(a: Phrase, b: Phrase): boolean {
  return a.words.length - b.words.length > 0 || (a.words.length === b.words.length && a.characters > b.characters);
}

const phrasesByManifest = new WeakMap<Manifest, Phrases>();

/** Whole names take precedence over the parts of `tench, Tinca tinca`, as in `findClass`. */
function phrasesOf(manifest: Manifest): Phrases {
  const known = phrasesByManifest.get(manifest);
  if (known) return known;
  const byText = new Map<string, Phrase>();
  const add = (names: (modelClass: ModelClass) => readonly string[]) => {
    const found = new Map<string, { words: string[]; classes: Set<ModelClass> }>();
    for (const modelClass of manifest.classes) {
      for (const words of names(modelClass).map(wordsOf)) {
        if (words.length === 0) continue;
        const phrase = found.get(words.join(" ")) ?? { words, classes: new Set() };
        found.set(words.join(" "), { words, classes: phrase.classes.add(modelClass) });
      }
    }
    for (const [text, { words, classes }] of found) {
      if (!byText.has(text)) byText.set(text, { words, characters: text.length, classes: [...classes] });
    }
  };
  add(({ name, id }) => (id === undefined ? [name] : [name, id]));
  add(({ name }) => name.split(","));
  const phrases = new Map<string, Phrase[]>();
  for (const phrase of byText.values()) {
    const first = phrase.words[0]!;
    phrases.set(first, [...(phrases.get(first) ?? []), phrase]);
  }
  phrasesByManifest.set(manifest, phrases);
  return phrases;
}

/** Words consist of letters, marks and digits; everything else separates them. */
function wordsOf(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}

function ambiguous(name: string, classes: readonly ModelClass[]): Problem {
  const list = classes.map(({ index, name }) => `${index} (${name})`).join(" or ");
  return unknownClass(`${showValue(name)} names ${classes.length} classes: choose one by index, ${list}`);
}

function unknown(prompt: string, manifest: Manifest): Problem {
  const sentence = `must name a class of ${manifest.name}, which generates images of classes, not ${showValue(prompt)}`;
  const near = nearestNames(prompt, manifest);
  if (near.length > 0) return unknownClass(`${sentence}; did you mean ${near.map(showValue).join(" or ")}?`);
  const { classes, name } = manifest;
  if (classes.length > MOST_LISTED) return unknownClass(`${sentence}; GET /models/${name}/classes lists them`);
  return unknownClass(`${sentence}; its classes are ${classes.map((known) => known.name).join(", ")}`);
}

function unknownClass(message: string): Problem {
  const detail = `prompt ${message}${message.endsWith("?") ? "" : "."}`;
  return new Problem("unknown_class", detail, { errors: [{ pointer: "/prompt", message }] });
}

const MOST_LISTED = 20;
/** Comparing a text with every name takes milliseconds, so only short prompts and their longest words are compared. */
const COMPARED_WORDS = 3;
const COMPARED_LETTERS = { least: 4, most: 32 };

/** Names similar to the whole prompt, then names similar to its longest words. */
function nearestNames(prompt: string, manifest: Manifest): string[] {
  const names = new Map<string, string>();
  for (const modelClass of manifest.classes) {
    for (const name of [modelClass.name, ...modelClass.name.split(",")]) names.set(name.trim(), modelClass.name);
  }
  const words = [...new Set(wordsOf(prompt))].sort((a, b) => b.length - a.length);
  const texts = [prompt.trim(), ...words.filter(isCompared).slice(0, COMPARED_WORDS)];
  const near = texts.filter(isCompared).flatMap((text) => nearMisses(text, names.keys()));
  return [...new Set(near.map((name) => names.get(name)!))].slice(0, 3);
}

function isCompared({ length }: string): boolean {
  return length >= COMPARED_LETTERS.least && length <= COMPARED_LETTERS.most;
}
