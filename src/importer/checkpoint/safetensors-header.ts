import { MAX_DIMENSIONS, MAX_TENSORS } from "./dtype.js";
import { CheckpointError, quote } from "./error.js";

/** One entry of the header as written; the caller judges dtype, shape and offsets. */
export interface HeaderTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Begin and end, relative to the end of the header. */
  readonly offsets: readonly [number, number];
}

export interface Header {
  readonly tensors: readonly HeaderTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors header: one JSON object of exactly the format's shape. `JSON.parse` would hide duplicate keys and
 * build whatever is written, at any depth; this takes only what the format allows, in one pass, without recursion.
 */
export function parseHeader(text: string): Header {
  return new HeaderParser(text).parse();
}

class HeaderParser {
  #at = 0;

  constructor(private readonly text: string) {}

  parse(): Header {
    const tensors: HeaderTensor[] = [];
    let metadata: Record<string, string> | undefined;
    this.#object((name) => {
      if (name === "__metadata__") {
        metadata = this.#metadata();
        return;
      }
      tensors.push(this.#tensor(name));
    });
    this.#space();
    if (this.#at !== this.text.length) this.#fail("something follows the object");
    return { tensors, metadata: metadata ?? {} };
  }

  #metadata(): Record<string, string> {
    const pairs: [string, string][] = [];
    this.#object((key) => pairs.push([key, this.#string()]));
    return Object.fromEntries(pairs);
  }

  #tensor(name: string): HeaderTensor {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.#object((key) => {
      if (key === "dtype") dtype = this.#string();
      else if (key === "shape") shape = this.#integers(MAX_DIMENSIONS);
      else if (key === "data_offsets") offsets = this.#integers(2);
      else this.#fail(`tensor ${quote(name)} has the unknown field ${quote(key)}`);
    });
    if (dtype === undefined || !shape || offsets?.length !== 2) {
      this.#fail(`tensor ${quote(name)} needs dtype, shape and two data_offsets`);
    }
    return { name, dtype, shape, offsets: [offsets[0]!, offsets[1]!] };
  }

  /** Calls `member` for each key, placed at its value; duplicate keys are refused. */
  #object(member: (key: string) => void): void {
    const seen = new Set<string>();
    this.#expect("{");
    if (this.#accept("}")) return;
    do {
      const key = this.#string();
      // One more than tensors: the metadata.
      if (seen.size > MAX_TENSORS) throw new CheckpointError(`it lists more than ${MAX_TENSORS} tensors`);
      if (seen.has(key)) throw new CheckpointError(`its header names ${quote(key)} twice`);
      seen.add(key);
      this.#expect(":");
      member(key);
    } while (this.#accept(","));
    this.#expect("}");
  }

  #integers(most: number): number[] {
    const values: number[] = [];
    this.#expect("[");
    if (this.#accept("]")) return values;
    do {
      if (values.length === most) this.#fail(`more than ${most} numbers in a list`);
      values.push(this.#integer());
    } while (this.#accept(","));
    this.#expect("]");
    return values;
  }

  #integer(): number {
    this.#space();
    const from = this.#at;
    while (this.#at - from < 17 && isDigit(this.text.charCodeAt(this.#at))) this.#at++;
    const digits = this.text.slice(from, this.#at);
    const value = Number(digits);
    if (!/^(0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(value)) {
      this.#fail("expected a non-negative integer below 2^53");
    }
    return value;
  }

  #string(): string {
    this.#expect('"');
    const from = this.#at - 1;
    for (;;) {
      const quoteAt = this.text.indexOf('"', this.#at);
      if (quoteAt < 0) this.#fail("a string does not end");
      let backslashes = 0;
      while (this.text[quoteAt - 1 - backslashes] === "\\") backslashes++;
      this.#at = quoteAt + 1;
      if (backslashes % 2 === 0) break;
    }
    const literal = this.text.slice(from, this.#at);
    try {
      return JSON.parse(literal) as string;
    } catch {
      return this.#fail(`${quote(literal)} is not a JSON string`);
    }
  }

  #accept(character: string): boolean {
    this.#space();
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) this.#fail(`expected ${character}`);
  }

  #space(): void {
    while (" \t\n\r".includes(this.text[this.#at] ?? "end")) this.#at++;
  }

  #fail(what: string): never {
    throw new CheckpointError(`it has a damaged header: ${what} at character ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
