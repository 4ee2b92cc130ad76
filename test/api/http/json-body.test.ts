import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonBody } from "../../../src/api/http/json-body.js";
import { Problem } from "../../../src/errors.js";

const parse = (text: string) => parseJsonBody(Buffer.from(text));

function problemOf(text: string | Uint8Array): Problem {
  try {
    parseJsonBody(Buffer.from(text));
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("The body was taken.");
}

describe("parseJsonBody", () => {
  it("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("accepts and refuses the same texts as JSON.parse, except those it refuses on purpose", () => {
    const fragment = fc.constantFrom(
      ...'{ } [ ] , : 0 -1 1.5 2e3 01 .5 5. + true null nul "a" "b" "\\n" "\\x" "\\u12" \' NaN \t \n \u007f \u00a0'.split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 8 }), (fragments) => {
        const text = fragments.join("");
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(problemOf(text).code).toMatch(/^(malformed_json|invalid_request)$/);
          return;
        }
        try {
          expect(parse(text)).toEqual(expected);
        } catch (error) {
          expect((error as Problem).message).toContain("must appear only once");
        }
      }),
      { seed: 4, numRuns: 3000 },
    );
  });

  it.each([
    ['{"a": 1,}', 'line 1, column 9: expected a key in double quotes, found "}"'],
    ['{\n  "seed": seven\n}', 'line 2, column 11: expected a value, found "seven"'],
    ['{"a": NaN}', 'column 7: expected a value, found "NaN"'],
    ['{"a": "x', "column 7: expected a string"],
    ["{} {}", "column 4: expected the end of the body"],
    ["[1 2]", 'column 4: expected "," or "]", found "2"'],
    ['{"a" 1}', 'column 6: expected ":", found "1"'],
    ['{"a":1', 'column 7: expected "," or "}", found the end'],
    ["", "empty"],
  ])("reports the position of the error in %j", (text, message) => {
    const problem = problemOf(text);
    expect(problem.code).toBe("malformed_json");
    expect(problem.message).toContain(message);
  });

  it("refuses a duplicate key, by its pointer", () => {
    const problem = problemOf('{"seed": 1, "a/b": {"x": 1, "\\u0078": 2}}');
    expect(problem.code).toBe("invalid_request");
    expect(problem.options.errors).toEqual([{ pointer: "/a~1b/x", message: "must appear only once" }]);
  });

  it.each(["1e400", "9007199254740993", "9007199254740990.5"])("refuses to round %s", (text) => {
    expect(problemOf(`{"seed": ${text}}`).options.errors).toEqual([
      { pointer: "/seed", message: `must be a number that a double can represent, not ${text}` },
    ]);
  });

  it("keeps __proto__ a key and the prototype clean", () => {
    const value = parse('{"__proto__": {"polluted": true}, "constructor": 1}') as object;
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("bounds the depth and wants UTF-8", () => {
    expect(problemOf("[".repeat(30_000)).message).toContain("32 levels");
    expect(problemOf(Uint8Array.of(0x22, 0xff, 0x22)).message).toContain("UTF-8");
    expect(parse(`\ufeff"with a byte order mark"`)).toBe("with a byte order mark");
  });

  it("takes time in proportion to the body", () => {
    for (const text of [`"${"a".repeat(60_000)}`, `"${"\\n".repeat(30_000)}`, "1".repeat(60_000), " ".repeat(60_000)]) {
      expect(problemOf(text)).toBeInstanceOf(Problem);
    }
  });
});
