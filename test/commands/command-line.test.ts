import { expect, it } from "vitest";
import { readArguments, UsageError } from "../../src/commands/command-line.js";

const read = (...args: string[]) =>
  readArguments({ args, options: { seed: { type: "string" }, force: { type: "boolean" } }, allowPositionals: true });

it("reads options and the rest", () => {
  expect(read("--seed", "7", "a", "--force")).toMatchObject({
    values: { seed: "7", force: true },
    positionals: ["a"],
  });
});

it("takes a negative number for a value, and no other dash", () => {
  expect(read("--seed", "-7").values.seed).toBe("-7");
  expect(() => read("--seed", "-x")).toThrow(/ambiguous/);
  expect(() => read("--force", "-7")).toThrow(/Unknown option '-7'/);
});

it.each([
  ["--seed=1", "--seed", "2"],
  ["--force", "--force"],
])("refuses what is given twice: %s", (...args) => {
  expect(() => read(...args)).toThrow(UsageError);
});
