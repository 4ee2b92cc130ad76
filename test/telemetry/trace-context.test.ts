import { describe, expect, it } from "vitest";
import { readTraceparent, writeTraceparent } from "../../src/telemetry/trace-context.js";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

describe("readTraceparent", () => {
  it.each([
    [`00-${trace}-${span}-01`, true],
    [`00-${trace}-${span}-00`, false],
    // Other flags than "sampled" are not ours to know.
    [`00-${trace}-${span}-03`, true],
    // A later version is read as far as it is known.
    [`cc-${trace}-${span}-01-what-the-future-brings`, true],
    [` 00-${trace}-${span}-01 `, true],
  ])("reads %j", (header, isSampled) => {
    expect(readTraceparent(header)).toEqual({ traceId: trace, spanId: span, isSampled });
    expect(writeTraceparent(readTraceparent(header)!)).toBe(`00-${trace}-${span}-${isSampled ? "01" : "00"}`);
  });

  it.each([
    undefined,
    "",
    "00",
    `ff-${trace}-${span}-01`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-1`,
    `00-${trace}${span}-01`,
    `cc-${trace}-${span}-01.more`,
    [`00-${trace}-${span}-01`, `00-${trace}-${span}-01`],
  ])("treats %j as absent", (header) => expect(readTraceparent(header)).toBeUndefined());
});
