import { describe, expect, it } from "vitest";
import { foldEnums } from "../../../src/api/openapi/document.js";

const value = (...values: unknown[]) => ({ type: typeof values[0], enum: values });

describe("a choice of values in the OpenAPI document", () => {
  it.each([
    ["is one enum", { anyOf: [value("a"), value("b")], description: "d" }, { ...value("a", "b"), description: "d" }],
    [
      "stays beside others",
      { anyOf: [value("a"), value("b"), { type: "null" }] },
      { anyOf: [value("a", "b"), { type: "null" }] },
    ],
    [
      "is folded within others",
      { anyOf: [{ anyOf: [value("a"), value("b")] }, { type: "null" }] },
      { anyOf: [value("a", "b"), { type: "null" }] },
    ],
    ["of one value is that value", { anyOf: [value("a")] }, value("a")],
    ["of two types stays", { anyOf: [value("a"), value(1)] }, { anyOf: [value("a"), value(1)] }],
    [
      "is found in the depth",
      { properties: { p: [{ anyOf: [value("a"), value("b")] }] } },
      { properties: { p: [value("a", "b")] } },
    ],
    [
      "is none where there are no values",
      { anyOf: [{ type: "string" }, { $ref: "#" }] },
      { anyOf: [{ type: "string" }, { $ref: "#" }] },
    ],
  ])("%s", (_, schema, folded) => {
    expect(foldEnums(schema)).toEqual(folded);
  });
});
