import fc from "fast-check";
import type { TSchema } from "typebox";
import Value from "typebox/value";
import { GenerateRequest } from "../../../src/job.js";

/** Generates requests that a server must refuse, from what it accepts: schemas, routes and HTTP itself. */
export interface BadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: Buffer;
}

const JSON_TYPE = { "content-type": "application/json" };
const FIELDS = Object.entries<TSchema>(GenerateRequest.properties);

const post = (body: string | Buffer, headers: Record<string, string> = {}): BadRequest => ({
  method: "POST",
  path: "/generate",
  headers: { ...JSON_TYPE, ...headers },
  body: Buffer.from(body as string),
});

const validBody = fc.record(
  {
    class: fc.constantFrom<unknown>(0, 3, "star", "HEART", null),
    seed: fc.maxSafeNat(),
    num_images: fc.integer({ min: 1, max: 4 }),
    steps: fc.integer({ min: 1, max: 16 }),
    guidance_scale: fc.double({ min: 1, max: 20, noNaN: true }),
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    order: fc.constantFrom("random", "raster", "checkerboard"),
    diffusion_steps_final: fc.integer({ min: 2, max: 1000 }),
    reconstruction_steps: fc.integer({ min: 0, max: 16 }),
    preset: fc.constantFrom("fast", "best"),
  },
  { requiredKeys: ["class"] },
);

const edgeNumbers = fc.constantFrom(
  ...[-1, -0.5, 0, 0.5, 1.5, 2.0000001, 20.0001, 65, 1001, 1e9, 2 ** 53, 1e21, 1e300, -1e300, 5e-324],
);
const oddStrings = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(
    "",
    "7",
    "null",
    "random ",
    "RASTER",
    "\u0000",
    "\ud800",
    "‮",
    "a".repeat(300),
    "#{7*7}",
    "'; --",
    "../x",
  ),
);
const oddValue = fc.oneof(
  edgeNumbers,
  oddStrings,
  fc.constantFrom<unknown>(true, false, null, [], {}, [0], { class: 0 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A field of the schema with a value that it doesn't allow. */
const badField = fc
  .constantFrom(...FIELDS)
  .chain(([name, schema]) =>
    oddValue.filter((value) => !Value.Check(schema, value)).map((value) => ({ [name]: value })),
  );

/** Values that the schema allows and the model doesn't. */
const unfitField = fc.constantFrom<object>(
  { steps: 17 },
  { class: 4 },
  { class: "strar" },
  { class: "0" },
  { class: "crane" },
  { model: "nothing" },
  { model: "__proto__" },
  { preset: "slow" },
  { preset: "constructor" },
  { num_images: 65 },
);

const fieldName = fc.oneof(
  oddStrings,
  fc.constantFrom(
    "Class",
    "seeds",
    "guidance",
    "prompt",
    "n",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
  ),
);
const unknownField = fc
  .tuple(fieldName, oddValue)
  .filter(([name]) => !FIELDS.some(([known]) => known === name))
  .map(([name, value]) => Object.fromEntries([[name, value]]));

const badFields = fc
  .tuple(validBody, fc.array(fc.oneof(badField, unfitField, unknownField), { minLength: 1, maxLength: 4 }))
  // Object.assign would take a field __proto__ for the prototype, and leave a good request.
  .map(([body, faults]) => post(JSON.stringify(Object.fromEntries([body, ...faults].flatMap(Object.entries)))));

const noClass = validBody.map(({ class: _, ...rest }) => post(JSON.stringify(rest)));

const notAnObject = fc
  .jsonValue({ maxDepth: 4 })
  .filter((value) => typeof value !== "object" || value === null || Array.isArray(value))
  .map((value) => post(JSON.stringify(value)));

/** Valid bodies with a piece cut out, put in or turned, where that leaves no JSON or breaks the schema. */
const brokenText = fc
  .tuple(
    validBody,
    fc.nat(),
    fc.nat(8),
    fc.oneof(oddStrings, fc.constantFrom("1e999", "NaN", "{", ",", "\\", '"', "01")),
  )
  .map(([body, at, cut, put]) => {
    const text = JSON.stringify(body);
    const from = at % text.length;
    return text.slice(0, from) + put + text.slice(from + cut);
  })
  .filter((text) => {
    try {
      return !Value.Check(GenerateRequest, JSON.parse(text));
    } catch {
      return true;
    }
  })
  .map((text) => post(text));

const brokenBytes = fc
  .tuple(validBody, fc.uint8Array({ minLength: 1, maxLength: 40 }))
  .map(([body, bytes]) => post(Buffer.concat([Buffer.from(JSON.stringify(body)), bytes, Buffer.of(0xff)])));

const hugeBody = fc
  .tuple(fc.constantFrom("[", '{"a":', " ", '"', "9", '{"class":0},'), fc.integer({ min: 100, max: 90_000 }))
  .map(([piece, count]) => post(piece.repeat(count).slice(0, 200_000)));

const badContent = fc
  .tuple(
    validBody,
    fc.constantFrom<Record<string, string>>(
      { "content-type": "text/plain" },
      { "content-type": "application/x-www-form-urlencoded" },
      { "content-type": "multipart/form-data; boundary=x" },
      { "content-type": "application/json; charset=latin1" },
      { "content-type": "application/json, text/plain" },
      { "content-type": "application/JSONx" },
      { "content-type": "" },
      { "content-encoding": "gzip" },
      { "content-encoding": "br, identity" },
    ),
  )
  .map(([body, headers]) => post(JSON.stringify(body), headers));

const badHeader = fc
  .tuple(
    validBody,
    fc.oneof(
      fc.constantFrom("", " ", "a b", "\u00fc", "k".repeat(201), "\t").map((key) => ({ "idempotency-key": key })),
      fc
        .constantFrom(
          "text/html",
          "image/avif, text/*",
          "image/png;q=0",
          "application/problem+json",
          "*/*;q=0",
          "?",
          "/",
        )
        .map((accept) => ({ accept })),
    ),
  )
  .map(([body, headers]) => post(JSON.stringify(body), headers));

const severalAsPng = validBody.map((body) => post(JSON.stringify({ ...body, num_images: 2 }), { accept: "image/png" }));

const PATHS = [
  "/",
  "/generate",
  "/jobs/job_00000000",
  "/jobs/job_00000000/images/0",
  "/models",
  "/models/demo",
  "/health/live",
];
const badMethod = fc
  .tuple(fc.constantFrom(...PATHS), fc.constantFrom("PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "LOCK", "QUERY"))
  .map(([path, method]): BadRequest => ({ method, path, headers: JSON_TYPE, body: Buffer.from("{") }));

const pathPart = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map(encodeURIComponent),
  fc.constantFrom(
    "%zz",
    "%",
    "%00",
    "%2e%2e",
    "..%2f..",
    "%c0%ae",
    "-1",
    "NaN",
    "x".repeat(120),
    "x".repeat(5000),
    "%F0%9F%A6%8A",
  ),
);
const badPath = fc
  .tuple(
    fc.constantFrom("GET", "DELETE", "POST"),
    fc.constantFrom("/jobs/", "/jobs/job_00000000/images/", "/models/", "/nowhere/", "/docs/static/", "/jobs/x/y/"),
    pathPart,
  )
  .map(([method, folder, part]): BadRequest => ({ method, path: folder + part, headers: {} }));

const badQuery = fc
  .tuple(
    fc.constantFrom("limit=", "limit=1&limit=", "query=a&query=", "offset=", "LIMIT=", "__proto__=", "limit[]="),
    fc.constantFrom(
      "",
      "-1",
      "0",
      "1.0",
      "1e2",
      "0x10",
      " 5",
      "1001",
      "99999999999999999999",
      "%00",
      "%F0%9F%A6%8A",
      "true",
    ),
  )
  .map(([name, value]): BadRequest => ({ method: "GET", path: `/models/demo/classes?${name}${value}`, headers: {} }));

/** Each kind of fault, with how many requests of it one run makes. */
const KINDS: readonly [fc.Arbitrary<BadRequest>, number][] = [
  [badFields, 220],
  [noClass, 20],
  [notAnObject, 30],
  [brokenText, 120],
  [brokenBytes, 20],
  [hugeBody, 20],
  [badContent, 40],
  [badHeader, 40],
  [severalAsPng, 10],
  [badMethod, 50],
  [badPath, 80],
  [badQuery, 50],
];

export function badRequests(seed: number): BadRequest[] {
  return KINDS.flatMap(([arbitrary, count]) => fc.sample(arbitrary, { seed, numRuns: count }));
}

/** Valid HTTP with bytes changed, put in or cut out: some of it stays valid. */
export function mutatedHttp(seed: number, count: number): Buffer[] {
  const body = '{"class":0,"seed":7}';
  const valid = [
    "POST /generate?a=b HTTP/1.1",
    "Host: localhost",
    "Accept: application/json;q=0.5, */*",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('\r\n:; \0{}",0%/')));
  const mutation = fc.record({ at: fc.nat(valid.length - 1), cut: fc.nat(3), put: fc.array(byte, { maxLength: 3 }) });
  const mutated = fc.array(mutation, { minLength: 1, maxLength: 4 }).map((mutations) => {
    const bytes = [...Buffer.from(valid)];
    for (const { at, cut, put } of mutations) bytes.splice(at, cut, ...put);
    return Buffer.from(bytes);
  });
  return fc.sample(mutated, { seed, numRuns: count });
}
