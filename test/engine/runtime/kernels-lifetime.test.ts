import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PACKAGE_ROOT } from "../../../src/files/package.js";
import { encodeModel, type OnnxGraph } from "../../../src/model/graph/onnx.js";
import { ADDON_FILE, HAS_ADDON, LIBRARY, MODEL, modulated, modulateInputs, requireAddon } from "./modulate.js";

/** Begins every script: worker threads and child processes can't load TypeScript. */
const data = { file: ADDON_FILE, library: LIBRARY, model: MODEL, inputs: modulateInputs(4, 16, 64) };
const BEGIN = `
  const { parentPort, workerData, Worker } = require("node:worker_threads");
  const { file, library, model, inputs } = workerData;
  const addon = require(file);
  const open = (bytes = model) => addon.open(library, bytes, { threads: 2, entries: {} });
`;
const startWorker = (script: string) => new Worker(`${BEGIN}${script}`, { eval: true, workerData: data });

describe.runIf(HAS_ADDON)("threads of Node's", () => {
  const expected = { y: { data: modulated(data.inputs), shape: [4, 16, 64] } };

  test("run sessions at once, each with its own results", async () => {
    const run = `
      const session = open();
      for (let i = 0; i < 300; i++) {
        const { y } = addon.run(session, inputs);
        if (i === 299) parentPort.postMessage({ y });
      }`;
    const workers = [startWorker(run), startWorker(run), startWorker(run)];
    const addon = requireAddon();
    const session = addon.open(LIBRARY, MODEL, { threads: 1, entries: {} });
    const ended = Promise.all(workers.map((worker) => once(worker, "exit")));
    const messages = Promise.all(workers.map((worker) => once(worker, "message")));
    for (let i = 0; i < 100; i++) addon.run(session, data.inputs);
    for (const [message] of await messages) expect(message).toEqual(expected);
    for (const [code] of await ended) expect(code).toBe(0);
    expect(addon.run(session, data.inputs)).toEqual(expected);
    addon.release(session);
  });

  test("end with sessions open, one after another and in the midst of runs", async () => {
    for (let i = 0; i < 10; i++) {
      const worker = startWorker(`open(); open(); parentPort.postMessage(addon.run(open(), inputs).y.shape);`);
      const [[shape]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
      expect(shape).toEqual([4, 16, 64]);
    }
    const endless = `const session = open(); parentPort.postMessage(0); for (;;) addon.run(session, inputs);`;
    const workers = Array.from({ length: 6 }, () => startWorker(endless));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    await Promise.all(workers.map((worker) => worker.terminate()));
    const addon = requireAddon();
    expect(addon.run(addon.open(LIBRARY, MODEL, { threads: 2, entries: {} }), data.inputs)).toEqual(expected);
  });
});

/** 4 MiB of weights inside the model: sessions that stay show in the memory of the process. */
const ELEMENTS = 2 ** 20;
const heavy: OnnxGraph = {
  name: "heavy",
  inputs: [{ name: "x", type: "int64", shape: [1] }],
  outputs: [{ name: "y", type: "float32", shape: [1] }],
  initializers: [{ name: "weight", type: "float32", shape: [ELEMENTS], data: new Uint8Array(4 * ELEMENTS).fill(1) }],
  nodes: [{ op: "Gather", domain: "", name: "gather", inputs: ["weight", "x"], outputs: ["y"], attributes: {} }],
};

describe.runIf(HAS_ADDON)("a process", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "marimba-addon-"));
    writeFileSync(join(folder, "model"), MODEL);
    writeFileSync(join(folder, "heavy"), encodeModel(heavy));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a script prints; rejects unless it exits with 0. */
  async function printed(script: string, ...options: string[]): Promise<string> {
    const file = join(folder, "script.cjs");
    const paths = JSON.stringify({ file: ADDON_FILE, library: LIBRARY });
    writeFileSync(
      file,
      `const { readFileSync } = require("node:fs");
      const threads = require("node:worker_threads");
      if (threads.isMainThread) threads.workerData = {
        ...${paths}, model: readFileSync(${JSON.stringify(join(folder, "model"))}),
        inputs: Object.fromEntries([["x", 16], ["scale", 1], ["shift", 1]].map(([name, tokens]) =>
          [name, { data: new Float32Array(256 * tokens), shape: [4, tokens, 64] }])),
      };
      ${BEGIN}
      const heavy = readFileSync(${JSON.stringify(join(folder, "heavy"))});
      ${script}`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [...options, file], { cwd: PACKAGE_ROOT });
    return stdout;
  }

  /** What the process has grown by, and its threads, while a script's `turn` runs 200 times. */
  async function growth(script: string): Promise<{ mib: number; threads: number }> {
    const measure = `
      const use = async (times) => {
        for (let i = 1; i <= times; i++) {
          turn();
          if (i % 10 === 0) { await new Promise(setImmediate); gc(); await new Promise(setImmediate); }
        }
        const status = readFileSync("/proc/self/status", "utf8");
        return ["VmRSS", "Threads"].map((name) => Number(new RegExp(name + ":\\\\s+(\\\\d+)").exec(status)[1]));
      };
      (async () => console.log(JSON.stringify([await use(40), await use(200)])))();`;
    const [[kibBefore, threadsBefore], [kibAfter, threadsAfter]] = JSON.parse(
      await printed(`${script} ${measure}`, "--expose-gc"),
    );
    return { mib: (kibAfter - kibBefore) / 1024, threads: threadsAfter - threadsBefore };
  }

  test.each([
    ["sessions that are released", "addon.release(session);"],
    ["sessions that are forgotten", ""],
  ])("keeps neither memory nor threads of %s", async (_, end) => {
    const { mib, threads } = await growth(`
      const feed = { x: { data: BigInt64Array.of(5n), shape: [1] } };
      const turn = () => { const session = open(heavy); addon.run(session, feed); ${end} };`);
    // They have 800 MiB of weights, and a thread each.
    expect(mib).toBeLessThan(60);
    expect(threads).toBeLessThan(5);
  });

  test("keeps no memory of runs, nor of runs that fail", async () => {
    const { mib } = await growth(`
      const session = open();
      const tensor = (tokens) => ({ data: new Float32Array(512 * tokens), shape: [1, tokens, 512] });
      const feed = { x: tensor(1024), scale: tensor(1), shift: tensor(1) };
      const turn = () => {
        addon.run(session, feed);
        try { addon.run(session, { ...feed, scale: tensor(2) }); } catch {}
      };`);
    // Their outputs have 400 MiB.
    expect(mib).toBeLessThan(60);
  });

  const use = "globalThis.kept = open(); addon.run(kept, inputs);";
  const theirs = `require(${JSON.stringify(createRequire(import.meta.url).resolve("onnxruntime-node"))}).InferenceSession.create(heavy).then((session) => { globalThis.other = session;`;
  const worker = "new Worker(__filename, { workerData, argv: ['worker'] })";
  test.each([
    ["a session open", use],
    ["a session open, by process.exit", `${use} process.exit();`],
    ["onnxruntime-node's session opened before", `${theirs} ${use} });`],
    ["onnxruntime-node's session opened before, by process.exit", `${theirs} ${use} process.exit(); });`],
    ["onnxruntime-node's session opened after", `${use} ${theirs} });`],
    ["onnxruntime-node's session opened after, by process.exit", `${use} ${theirs} process.exit(); });`],
    [
      "sessions open in the main thread and in others, by process.exit in the midst of their runs",
      `${use}
      if (process.argv[2] === "worker") { parentPort.postMessage(0); for (;;) addon.run(kept, inputs); }
      else Promise.all([1, 2, 3].map(() => new Promise((resolve) => ${worker}.on("message", resolve)))).then(() => process.exit());`,
    ],
    [
      "the addon loaded in other threads only, which have ended",
      `if (process.argv[2] === "worker") { ${use} }
      else (async () => { for (let i = 0; i < 5; i++) await new Promise((resolve) => ${worker}.on("exit", resolve)); })();`,
    ],
    [
      "onnxruntime-node and the addon in threads that begin and end",
      `if (process.argv[2] === "worker") { ${use} ${theirs} }); }
      else (async () => { for (let i = 0; i < 8; i++) await Promise.all([1, 2].map(() => new Promise((resolve) => ${worker}.on("exit", resolve)))); })();`,
    ],
  ])("ends well with %s", async (_, script) => {
    expect(await printed(`process.on("exit", () => threads.isMainThread && console.log("ended")); ${script}`)).toBe(
      "ended\n",
    );
  });

  test("opens its first sessions in several threads at once", async () => {
    const script = `
      const THREADS = 8;
      if (process.argv[2] === "worker") {
        const waiting = new Int32Array(workerData.waiting);
        Atomics.add(waiting, 0, 1);
        while (Atomics.load(waiting, 0) < THREADS);
        ${use}
      } else {
        workerData.waiting = new SharedArrayBuffer(4);
        const ends = Array.from({ length: THREADS }, () => new Promise((resolve) => ${worker}.on("exit", resolve)));
        Promise.all(ends).then((codes) => console.log(codes.join()));
      }`;
    for (let i = 0; i < 5; i++) expect(await printed(script)).toBe("0,0,0,0,0,0,0,0\n");
  });

  test("loads ONNX Runtime after another library was refused", async () => {
    const script = `
      try { addon.open(file, model, { threads: 1, entries: {} }); } catch (error) { console.log(error.message); }
      ${use} console.log("ran");`;
    expect(await printed(script)).toMatch(
      /^ONNX Runtime can't be loaded from .*marimba\.node: .*OrtGetApiBase\nran\n$/,
    );
  });

  test.each([
    ["is there", true, undefined],
    ["is missing", false, "Cannot find module"],
    ["is no library", false, "marimba.node: file too short"],
  ])("has our operators only with the addon, and says why not: where it %s", async (state, has, trouble) => {
    const root = join(folder, state);
    const addon = join(root, "kernels/linux-x64/marimba.node");
    mkdirSync(dirname(addon), { recursive: true });
    for (const part of ["dist/engine", "dist/files", "dist/model", "package.json"])
      cpSync(join(PACKAGE_ROOT, part), join(root, part), { recursive: true });
    symlinkSync(join(PACKAGE_ROOT, "node_modules"), join(root, "node_modules"));
    if (has) copyFileSync(ADDON_FILE, addon);
    else if (state !== "is missing") writeFileSync(addon, "text");
    const module = JSON.stringify(join(root, "dist/engine/runtime/kernels.js"));
    const script = `import(${module}).then((kernels) =>
      console.log(kernels.loadKernels() !== undefined, kernels.kernelsTrouble()));`;
    const { avx512vnni, avx512bf16, amxInt8 } = requireAddon().cpu();
    const answer = await printed(script);
    if (trouble) expect(answer).toMatch(new RegExp(`^false .*${trouble}.*\\n$`));
    else expect(answer).toBe(`${avx512vnni && avx512bf16 && !amxInt8} undefined\n`);
  });
});
