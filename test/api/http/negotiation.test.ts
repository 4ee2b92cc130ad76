import { describe, expect, it } from "vitest";
import { chooseRepresentation, readPrefer } from "../../../src/api/http/request-headers.js";

describe("Accept", () => {
  it.each([
    [undefined, "application/json"],
    ["", "application/json"],
    ["*/*", "application/json"],
    ["application/json", "application/json"],
    ["application/*", "application/json"],
    ["image/png", "image/png"],
    ["IMAGE/PNG", "image/png"],
    ["image/*", "image/png"],
    ["image/png, application/json", "image/png"],
    ["application/json, image/png", "application/json"],
    ["image/png, */*", "image/png"],
    ["application/json, text/plain, */*", "application/json"],
    ["image/png;q=0.5, application/json", "application/json"],
    ["image/png;q=0.9, application/json;q=0.8", "image/png"],
    ["image/png;q=0.1, */*;q=0.2", "application/json"],
    ["image/png;q=0, */*", "application/json"],
    ["application/json;q=0, */*", "image/png"],
    ["image/avif, image/webp, image/png, image/svg+xml, image/*;q=0.8, */*;q=0.5", "image/webp"],
    ["image/jpeg", "image/jpeg"],
    ["image/jpeg;q=0.5, image/webp;q=0.8, application/json;q=0.7", "image/webp"],
    ["image/webp;q=0, image/png;q=0, image/*", "image/jpeg"],
    ["text/html, application/xhtml+xml, */*;q=0.8", "application/json"],
    ["application/json; charset=utf-8", "application/json"],
    ["image/png; version=1;q=0.9, application/json;q=0.8", "image/png"],
    ["*/*;q=1;note=x, image/png;q=0.5", "application/json"],
    ["image/png ; q=1.000", "image/png"],
  ])("%s: %s", (accept, chosen) => {
    expect(chooseRepresentation(accept)).toBe(chosen);
  });

  it.each(["text/html", "image/avif", "image/png;q=0", "*/*;q=0", "nonsense", ",,,", "image/png;q=x"])(
    "%s: none of them",
    (accept) => {
      expect(() => chooseRepresentation(accept)).toThrow("application/json or image/png or image/jpeg or image/webp");
    },
  );

  it("offers images in the request's own format only", () => {
    expect(chooseRepresentation("image/*", "webp")).toBe("image/webp");
    expect(chooseRepresentation("image/png, application/json;q=0.1", "webp")).toBe("application/json");
    const refusal = "application/json or image/png, as output_format is png; the Accept header allows none of them";
    expect(() => chooseRepresentation("image/webp", "png")).toThrow(refusal);
  });
});

describe("Prefer", () => {
  it.each([
    [undefined, { respondAsync: false }],
    ["wait=10", { waitS: 10, respondAsync: false }],
    ['Wait = "10"', { waitS: 10, respondAsync: false }],
    ["respond-async, wait=5", { waitS: 5, respondAsync: true }],
    ["respond-async; foo=bar", { respondAsync: true }],
    ["wait=1, wait=2", { waitS: 1, respondAsync: false }],
    ["wait=0", { waitS: 0, respondAsync: false }],
    ["wait=99999999999", { waitS: 1e9, respondAsync: false }],
    [`wait=${"9".repeat(400)}`, { waitS: 1e9, respondAsync: false }],
    ["wait=-1, wait=1.5, wait=soon, wait", { respondAsync: false }],
  ])("%s", (header, preference) => {
    expect(readPrefer(header)).toEqual(preference);
  });
});
