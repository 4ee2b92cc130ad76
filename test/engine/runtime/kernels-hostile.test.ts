import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Addon, AddonSession } from "../../../src/engine/runtime/kernels.js";
import { probeGraph } from "../../../src/engine/runtime/probe.js";
import type { Tensors } from "../../../src/engine/runtime/runtime.js";
import { encodeModel } from "../../../src/model/graph/onnx.js";
import {
  ADDON_FILE,
  HAS_ADDON,
  LIBRARY,
  MODEL,
  MODULATE,
  modulated,
  modulateInputs,
  requireAddon,
} from "./modulate.js";

/** What no caller of ours gives: a wrong value must be an error, since the addon could read memory that is not its own. */
describe.runIf(HAS_ADDON)("the addon refuses", () => {
  let addon: Addon;
  let session: AddonSession;
  beforeAll(() => {
    addon = requireAddon();
    session = addon.open(LIBRARY, MODEL, { threads: 1, entries: {} });
  });
  afterAll(() => addon.release(session));

  const good = modulateInputs(2, 3, 4);
  const options = { threads: 1, entries: {} };
  const call = (name: "open" | "run" | "release" | "endProfiling", ...args: unknown[]) =>
    (addon[name] as (...args: unknown[]) => unknown)(...args);
  const x = (data: unknown, shape: unknown = [2, 3, 4]) => ({ ...good, x: { data, shape } });
  const floats = new Float32Array(24);

  const shape = /shape must be an array of at most 16 sizes/;
  const size = /size in The input x's shape must be (a|a whole) number/;
  const data = /input x's data must be a Float32Array, BigInt64Array or Uint8Array/;
  const elements = /input x has \d+ elements, which is not the product of its shape/;
  test.each<[string, unknown, RegExp]>([
    ["no inputs", undefined, /inputs must be an object/],
    ["null", null, /inputs must be an object/],
    ["text", "x", /inputs must be an object/],
    ["an input that is no object", { ...good, x: 1 }, /input x must be an object/],
    ["an input that is null", { ...good, x: null }, /input x must be an object/],
    ["a name with the character 0", { ...good, "x\0y": good.x }, /must not contain the character 0/],
    ["no data", x(undefined), data],
    ["an array of numbers", x(Array.from({ length: 24 }).fill(0)), data],
    ["a DataView", x(new DataView(new ArrayBuffer(96))), data],
    ["an ArrayBuffer", x(new ArrayBuffer(96)), data],
    ["another type of array", x(new Float64Array(24)), data],
    ["clamped bytes", x(new Uint8ClampedArray(24)), data],
    ["no shape", x(floats, null), shape],
    ["a shape that is a typed array", x(floats, Int32Array.of(2, 3, 4)), shape],
    ["a shape that only looks like one", x(floats, { length: 3, 0: 2, 1: 3, 2: 4 }), shape],
    ["too many axes", x(floats, Array.from({ length: 17 }).fill(1)), shape],
    ["a very long shape", x(floats, new Array(2 ** 32 - 1)), shape],
    ["a shape with a hole", x(floats, Object.assign(new Array(3), [2])), size],
    ["a negative size", x(floats, [-2, 3, -4]), size],
    ["a fraction", x(floats, [2, 3.5, 4]), size],
    ["NaN", x(floats, [2, Number.NaN, 4]), size],
    ["infinity", x(floats, [2, Number.POSITIVE_INFINITY, 4]), size],
    ["a size above 2^53", x(floats, [2 ** 53, 3, 4]), size],
    ["a size that is text", x(floats, ["2", 3, 4]), size],
    ["a size that is a bigint", x(floats, [2n, 3, 4]), size],
    ["fewer elements than the shape has", x(floats.subarray(1)), elements],
    ["more elements than the shape has", x(new Float32Array(25)), elements],
    ["sizes whose product is 0 modulo 2^64", x(new Float32Array(0), [2 ** 32, 2 ** 32, 1]), elements],
    ["sizes whose product is 24 modulo 2^64", x(floats, [2 ** 32, 2 ** 32 + 24, 2 ** 32]), elements],
    ["an input that the graph lacks", { ...good, other: good.x }, /other/],
    ["an input of another type", x(new BigInt64Array(24)), /Unexpected input data type/],
    ["an input of another rank", x(floats, [6, 4]), /Invalid rank for input: x/],
    [
      "what the operator refuses",
      { ...good, scale: { data: floats, shape: [2, 3, 4] } },
      /dimensions for input: scale/,
    ],
    [
      "what the operator alone can see",
      { ...good, shift: { data: floats.subarray(18), shape: [2, 1, 3] } },
      /broadcast/,
    ],
  ])("as inputs: %s", (_, inputs, message) => {
    expect(() => call("run", session, inputs)).toThrow(message);
    expect(addon.run(session, good).y!.data).toEqual(modulated(good));
  });

  test("a run without an input, by its name", () => {
    const { shift: _, ...rest } = good;
    expect(() => addon.run(session, rest)).toThrow("The input shift is missing.");
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["a number", 1],
    ["an object", {}],
    ["a function", () => {}],
    ["an array", new Float32Array(4)],
  ])("as a session: %s", (_, value) => {
    for (const name of ["run", "release", "endProfiling"] as const)
      expect(() => call(name, value, good)).toThrow("This is not a session.");
  });

  test("a session's stand-ins", () => {
    expect(() => call("run", new Proxy(session, {}), good)).toThrow("This is not a session.");
    expect(() => call("run", Object.create(session), good)).toThrow("This is not a session.");
    expect(() => call("run", structuredClone(session), good)).toThrow("This is not a session.");
  });

  test("runs after the release, and releases twice without harm", () => {
    const own = addon.open(LIBRARY, MODEL, options);
    addon.release(own);
    addon.release(own);
    expect(() => addon.run(own, good)).toThrow("The session has been released.");
    expect(() => addon.endProfiling(own)).toThrow("The session has been released.");
  });

  test.each<[string, unknown[], RegExp]>([
    ["nothing", [], /library must be a string/],
    ["a library that is no text", [1, MODEL, options], /library must be a string/],
    ["a path with the character 0", [`${LIBRARY}\0`, MODEL, options], /must not contain the character 0/],
    ["a library that does not exist", ["/nowhere/libonnxruntime.so", MODEL, options], /can't be loaded from \/nowhere/],
    ["a library that is not ONNX Runtime", [ADDON_FILE, MODEL, options], /loaded from a file other than/],
    ["no options", [LIBRARY, MODEL], /options must be an object/],
    ["no threads", [LIBRARY, MODEL, { entries: {} }], /threads must be a number/],
    ["0 threads", [LIBRARY, MODEL, { ...options, threads: 0 }], /threads must be a whole number from 1 to 1024/],
    ["2^32 threads", [LIBRARY, MODEL, { ...options, threads: 2 ** 32 + 1 }], /threads must be a whole number/],
    ["no entries", [LIBRARY, MODEL, { threads: 1 }], /entries must be an object/],
    ["an entry that is no text", [LIBRARY, MODEL, { ...options, entries: { a: 1 } }], /entry a must be a string/],
    ["an entry without a key", [LIBRARY, MODEL, { ...options, entries: { "": "1" } }], /key/],
    ["a profile that is no text", [LIBRARY, MODEL, { ...options, profile: 1 }], /profile must be a string/],
    ["no model", [LIBRARY, undefined, options], /model must be a Uint8Array/],
    ["a model that is text", [LIBRARY, "model.onnx", options], /model must be a Uint8Array/],
    ["floats as a model", [LIBRARY, floats, options], /model must be a Uint8Array/],
    ["an empty model", [LIBRARY, new Uint8Array(0), options], /model has no bytes/],
    ["noise", [LIBRARY, Uint8Array.from({ length: 999 }, (_, i) => i * 37), options], /protobuf|ModelProto/i],
    ["half a model", [LIBRARY, MODEL.subarray(0, MODEL.length / 2), options], /.+/],
    ["an output that JavaScript has no array for", [LIBRARY, probeGraph(), options], /output product is no tensor of/],
    [
      "an operator that does not exist",
      [
        LIBRARY,
        encodeModel({ ...MODULATE, nodes: [{ ...MODULATE.nodes[0]!, op: "Invent" }, MODULATE.nodes[1]!] }),
        options,
      ],
      /Invent/,
    ],
  ])("to open %s", (_, args, message) => {
    expect(() => call("open", ...args)).toThrow(message);
  });

  test("arrays whose memory is gone when they are read", () => {
    const detached = new Float32Array(24);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => call("run", session, x(detached))).toThrow(elements);

    const taken = new Float32Array(24);
    const take = {
      get data() {
        structuredClone(taken.buffer, { transfer: [taken.buffer] });
        return good.scale!.data;
      },
      shape: good.scale!.shape,
    };
    expect(() =>
      call("run", session, { x: { data: taken, shape: [2, 3, 4] }, scale: take, shift: good.shift }),
    ).toThrow(elements);
    const model = Uint8Array.from(MODEL);
    const takeModel = {
      get threads() {
        structuredClone(model.buffer, { transfer: [model.buffer] });
        return 1;
      },
      entries: {},
    };
    expect(() => call("open", LIBRARY, model, takeModel)).toThrow("The model has no bytes.");
  });

  test("a session that a getter releases", () => {
    const own = addon.open(LIBRARY, MODEL, options);
    const release = {
      get data() {
        addon.release(own);
        return good.x!.data;
      },
      shape: good.x!.shape,
    };
    expect(() => call("run", own, { ...good, x: release })).toThrow("The session has been released.");
  });

  test("with a getter's own error", () => {
    const failing = (what: string, rest: object = {}) =>
      Object.defineProperty({ ...rest }, what, {
        enumerable: true,
        get() {
          throw new RangeError("its own");
        },
      });
    for (const inputs of [failing("x"), { ...good, x: failing("data") }, { ...good, x: failing("shape", good.x) }])
      expect(() => call("run", session, inputs)).toThrow(new RangeError("its own"));
    expect(() => call("open", LIBRARY, MODEL, failing("threads"))).toThrow(new RangeError("its own"));
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(() => call("run", session, revoked.proxy)).toThrow(TypeError);
  });
});

describe.runIf(HAS_ADDON)("the addon takes", () => {
  test("arrays that are parts of others, shared ones, and Node's buffers", () => {
    const addon = requireAddon();
    const session = addon.open(LIBRARY, MODEL, { threads: 1, entries: {} });
    const inputs = modulateInputs(2, 3, 4);
    const moved = (of: Tensors[string], buffer: ArrayBuffer | SharedArrayBuffer) => {
      const data = new Float32Array(buffer, 12, of.data.length);
      data.set(of.data as Float32Array);
      return { data, shape: of.shape };
    };
    const { y } = addon.run(session, {
      x: moved(inputs.x!, new ArrayBuffer(200)),
      scale: moved(inputs.scale!, new SharedArrayBuffer(200)),
      shift: inputs.shift!,
    });
    expect(y!.data).toEqual(modulated(inputs));
    addon.release(session);
    addon.release(addon.open(LIBRARY, Buffer.from(MODEL), { threads: 1, entries: {} }));
  });

  test("names that mean something in JavaScript", () => {
    const addon = requireAddon();
    const named = { ...MODULATE, outputs: [{ ...MODULATE.outputs[0]!, name: "__proto__" }] };
    const nodes = [MODULATE.nodes[0]!, { ...MODULATE.nodes[1]!, outputs: ["__proto__"] }];
    const session = addon.open(LIBRARY, encodeModel({ ...named, nodes }), { threads: 1, entries: {} });
    const inputs = modulateInputs(1, 1, 2);
    expect(Object.entries(addon.run(session, inputs))).toEqual([
      ["__proto__", { data: modulated(inputs), shape: [1, 1, 2] }],
    ]);
    addon.release(session);
  });
});
