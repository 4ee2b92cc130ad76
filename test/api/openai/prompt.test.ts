import { describe, expect, it } from "vitest";
import { checkPromptFallback, classOfPrompt, classOrFallback } from "../../../src/api/openai/prompt.js";
import { Problem } from "../../../src/errors.js";
import { exampleManifest } from "../../model/example-manifest.js";

const NAMES = [
  "tench, Tinca tinca",
  "golden retriever",
  "retriever",
  "boat",
  "speedboat",
  "crane",
  "crane",
  "cat's eye",
  "Übergröße",
  "face",
  "7",
  "lion, king of beasts",
  "king",
];
const manifest = {
  ...exampleManifest(),
  classes: NAMES.map((name, index) => ({ index, name, id: `n0000000${index}` })),
};
const problem = (prompt: string): Problem => {
  try {
    classOfPrompt(prompt, manifest);
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error(`${prompt} found a class`);
};

describe("a prompt is matched to a class", () => {
  it.each([
    ["by its name", "boat", 3],
    ["by its name in any case, with spaces around", "  BOAT ", 3],
    ["by one of its names", "Tinca tinca", 0],
    ["by its id", "n00000004", 4],
    ["by a name of digits before an index", "7", 10],
    ["by its index", "4", 4],
    ["by a name in a text", "A small boat, at sea.", 3],
    ["by whole words only", "a speedboat", 4],
    ["by the name of the most words", "a boat with a golden retriever and a cat", 1],
    ["by the longer of two names of as many words", "a boat and a speedboat", 4],
    ["by the one that stands first of two equals", "a boat with a face", 3],
    ["by the one that stands first of two equals, the other way", "a face on a boat", 9],
    ["by words whatever stands between them", "CAT’S-EYE!", 7],
    ["by one of its names in a text", "one tinca   tinca please", 0],
    ["by a name with letters of other languages", "ein übergröße Ding", 8],
    ["by the same letters in another normal form", "ein u\u0308bergröße Ding", 8],
    ["by a whole name before a longer part of another's", "the king", 12],
    ["by a name of several words that begins like another", "the king of beasts", 11],
    ["by an id in a text", "class n00000003 please", 3],
  ])("%s: %j", (_, prompt, index) => {
    expect(classOfPrompt(prompt, manifest).index).toBe(index);
  });

  it.each([
    ["the last name", "replace the golden retriever with a boat", 3],
    ["the last name, whole", "turn the boat into a golden retriever", 1],
    ["a name of several words, not the one that it begins with", "from face to king of beasts", 11],
    ["a whole prompt before the names in it", "tench, tinca tinca", 0],
  ])("for an edit, by %s: %j", (_, prompt, index) => {
    expect(classOfPrompt(prompt, manifest, "last").index).toBe(index);
  });

  it.each(["a dragon", "boats", "spee dboat", "golden", "99", "-1", "!?", "   ", "t e n c h"])(
    "or refused: %j",
    (prompt) => {
      const { code, status, options, message } = problem(prompt);
      expect({ code, status }).toEqual({ code: "unknown_class", status: 400 });
      expect(options.errors).toEqual([{ pointer: "/prompt", message: expect.stringContaining("must name a class") }]);
      expect(message).toMatch(/[.?]$/);
    },
  );

  it("lists the classes that share an ambiguous name", () => {
    expect(problem("crane").message).toBe(
      'prompt "crane" names 2 classes: choose one by index, 5 (crane) or 6 (crane).',
    );
    expect(problem("a steel crane").message).toBe(problem("crane").message);
  });

  it("lists the nearest names: of the whole prompt, then of its words", () => {
    expect(problem("tensh").message).toMatch(/; did you mean "tench, Tinca tinca"\?$/);
    expect(problem("two boats").message).toMatch(/; did you mean "boat"\?$/);
  });

  it("lists all classes of a small model if none is similar, and says where a large model's are", () => {
    expect(problem("xxxxxxxxxxxxxxxx").message).toContain("its classes are tench, Tinca tinca, golden retriever, ");
    const classes = Array.from({ length: 1000 }, (_, index) => ({ index, name: `thing ${index}` }));
    expect(() => classOfPrompt("a dragon", { ...manifest, classes })).toThrow("GET /models/demo/classes lists them");
  });

  it("as long as a prompt may be", () => {
    for (const text of ["ab ", "boats ", "t\u0308", "a b c d e "]) {
      expect(problem(text.repeat(32_000 / text.length)).code).toBe("unknown_class");
    }
    expect(classOfPrompt(`${"boats ".repeat(5000)} boat`, manifest).index).toBe(3);
  });
});

describe("a prompt that names no class", () => {
  const models = { default: "demo", list: () => [manifest], get: () => manifest, folderOf: (name: string) => name };
  const choose = (prompt: string, fallback: string) => {
    const adjusted: { param: string; message: string }[] = [];
    return { class: classOrFallback(prompt, manifest, fallback, adjusted), adjusted };
  };
  const used = (what: string) => [{ param: "prompt", message: `names no single class of demo, so ${what} was used` }];

  it.each([
    ["unconditional", null, "no class"],
    ["boat", 3, 'the class "boat"'],
    ["n00000001", 1, 'the class "golden retriever"'],
    ["1", 1, 'the class "golden retriever"'],
  ])("gets PROMPT_FALLBACK=%s, which is reported", (fallback, index, what) => {
    checkPromptFallback(fallback, models);
    expect(choose("test", fallback)).toEqual({ class: index, adjusted: used(what) });
    expect(choose("a crane", fallback).class).toBe(index);
    expect(choose("a small face", fallback)).toEqual({ class: 9, adjusted: [] });
  });

  it("is refused with PROMPT_FALLBACK=refuse, and if the model does not have the class", () => {
    for (const fallback of ["refuse", "dragon", "99"])
      expect(() => choose("test", fallback)).toThrow("must name a class");
  });

  it("can't get a class that no served model has", () => {
    expect(() => checkPromptFallback("dragon", models)).toThrow(
      'PROMPT_FALLBACK is "dragon"; it must be refuse, unconditional, or a class of a served model.',
    );
    expect(() => checkPromptFallback("crane", models)).toThrow("PROMPT_FALLBACK");
  });
});
