import { Problem } from "../../errors.js";
import { exactNumber } from "../../validation/exact-number.js";

/**
 * Parses a client's JSON more strictly than `JSON.parse`. Errors name the line and column; duplicate keys are refused (one
 * value would be lost silently), and so are numbers that would be rounded to an integer; the depth is bounded, and
 * `__proto__` is an ordinary key.
 */

/** Requests are flat; the bound keeps a hostile body from recursing far. */
const MAX_DEPTH = 32;

const WHITESPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\\p{Cc}]*(?:(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|[\u007f-\u009f])[^"\\\p{Cc}]*)*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
const WORD = /[^\s{}[\],:"]{1,20}/y;

/** Parses UTF-8 JSON bytes. Throws `Problem`: `malformed_json` with line and column, or `invalid_request` with a pointer. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new Problem("malformed_json", "The body is empty; it must be a JSON object.");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem("malformed_json", "The body is not valid UTF-8.");
  }
  return new JsonReader(text).readDocument();
}

class JsonReader {
  #at = 0;

  constructor(private readonly text: string) {}

  readDocument(): unknown {
    const value = this.#readValue("", 0);
    this.#take(WHITESPACE);
    if (this.#at < this.text.length) this.#fail("the end of the body");
    return value;
  }

  #readValue(pointer: string, depth: number): unknown {
    this.#take(WHITESPACE);
    const first = this.text[this.#at];
    if (first === "{" || first === "[") {
      if (depth >= MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`);
      return first === "{" ? this.#readObject(pointer, depth) : this.#readArray(pointer, depth);
    }
    if (first === '"') return this.#readString("a string without control characters or unknown escapes");
    const literal = this.#take(LITERAL);
    if (literal) return JSON.parse(literal);
    return this.#readNumber(pointer);
  }

  #readNumber(pointer: string): number {
    const digits = this.#take(NUMBER);
    if (!digits) this.#fail("a value");
    const number = exactNumber(digits);
    if (number !== undefined) return number;
    const shown = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
    throw invalidField(pointer, `must be a number that a double can represent, not ${shown}`);
  }

  #readArray(pointer: string, depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    if (this.#skip("]")) return items;
    do items.push(this.#readValue(`${pointer}/${items.length}`, depth + 1));
    while (this.#skip(","));
    if (!this.#skip("]")) this.#fail('"," or "]"');
    return items;
  }

  #readObject(pointer: string, depth: number): object {
    const object = {};
    this.#at++;
    if (this.#skip("}")) return object;
    do {
      this.#take(WHITESPACE);
      const key = this.#readString("a key in double quotes");
      const member = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (Object.hasOwn(object, key)) throw invalidField(member, "must appear only once");
      if (!this.#skip(":")) this.#fail('":"');
      const value = this.#readValue(member, depth + 1);
      // Defined, not assigned: the key may be "__proto__".
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
    } while (this.#skip(","));
    if (!this.#skip("}")) this.#fail('"," or "}"');
    return object;
  }

  #readString(expected: string): string {
    const quoted = this.#take(STRING);
    if (!quoted) this.#fail(expected);
    return JSON.parse(quoted);
  }

  /** Skips whitespace and then `character`, if it comes next. */
  #skip(character: string): boolean {
    this.#take(WHITESPACE);
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #fail(expected: string): never {
    const before = this.text.slice(0, this.#at);
    const line = before.split("\n").length;
    const column = this.#at - before.lastIndexOf("\n");
    const found = this.#at < this.text.length ? JSON.stringify(this.#take(WORD) || this.text[this.#at]) : "the end";
    throw new Problem(
      "malformed_json",
      `The body is not JSON: line ${line}, column ${column}: expected ${expected}, found ${found}.`,
    );
  }
}

function invalidField(pointer: string, message: string): Problem {
  return new Problem("invalid_request", `${pointer.slice(1) || "The body"} ${message}.`, {
    errors: [{ pointer, message }],
  });
}
