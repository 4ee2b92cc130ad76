import Type from "typebox";
import { describe, expect, it } from "vitest";
import { EditOptions } from "../../src/editing/edit-request.js";
import { GenerateRequest } from "../../src/job.js";
import { fieldErrors } from "../../src/validation/field-errors.js";

const errorsOf = (request: unknown) =>
  Object.fromEntries(fieldErrors(GenerateRequest, request).map(({ pointer, message }) => [pointer, message]));

describe("fieldErrors", () => {
  it("finds nothing in a valid request", () => {
    expect(fieldErrors(GenerateRequest, { class: null, seed: 2 ** 53 - 1, guidance_scale: 1 })).toEqual([]);
  });

  it("names each field at fault once, and what would be right", () => {
    expect(errorsOf({ class: "star", steps: 0, order: "spiral", temperature: "hot", seed: 1.5 })).toEqual({
      "/steps": "must be an integer of at least 1, not 0",
      "/order": 'must be "random" or "raster" or "checkerboard" or "confidence", not "spiral"',
      "/temperature": 'must be a number from 0 to 2, not "hot"',
      "/seed": "must be an integer from 0 to 9007199254740991, not 1.5",
    });
  });

  it("names both ends of a range, and how many fields an object takes", () => {
    const extend = 'must be an object with exactly one of left, right, top, bottom, not {"left":1,"right":1}';
    expect(fieldErrors(EditOptions, { strength: 0, extend: { left: 1, right: 1 } })).toEqual([
      { pointer: "/strength", message: "must be a number above 0 and at most 1, not 0" },
      { pointer: "/extend", message: extend },
    ]);
    expect(fieldErrors(EditOptions, { extend: {} })[0]!.message).toMatch(/exactly one of left.*, not \{\}$/);
  });

  it("coerces nothing", () => {
    expect(errorsOf({ class: 0, seed: "7" })["/seed"]).toMatch(/not "7"$/);
    expect(errorsOf({ class: true })["/class"]).toMatch(/^must be an integer of at least 0 or a string .* or null/);
  });

  it("says what a missing field must be", () => {
    expect(errorsOf({})["/class"]).toMatch(/^is required: an integer/);
  });

  it("refuses unknown fields by name and suggests similar ones", () => {
    expect(errorsOf({ class: 0, guidance: 2, "a/b~c": 1, toString: 1 })).toMatchObject({
      "/guidance": "is not a known field; did you mean guidance_scale or guidance_schedule or guidance_steps?",
      "/a~1b~0c": expect.stringMatching(/^is not a known field; the known fields are class, seed,/),
      "/toString": expect.stringMatching(/^is not a known field/),
    });
  });

  it("points into lists and objects, and shortens what it shows", () => {
    const Schema = Type.Object({ list: Type.Array(Type.Object({ "a/b": Type.Integer() })) });
    const [error] = fieldErrors(Schema, { list: [{ "a/b": 1 }, { "a/b": "x".repeat(1000) }] });
    expect(error?.pointer).toBe("/list/1/a~1b");
    expect(error?.message.length).toBeLessThan(150);
  });

  it("accepts a value of any type", () => {
    for (const value of [null, 7, "text", [], undefined]) expect(fieldErrors(GenerateRequest, value)).toHaveLength(1);
  });
});
