import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect } from "vitest";
import { REFERENCE } from "../reference.js";

const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  scripts: Record<string, string>;
};

/** The output of a command and the folder in which it ran. */
export interface Outcome {
  readonly stdout: string;
  readonly folder: string;
}

export interface KnownCommand {
  readonly pattern: RegExp;
  /** Why it is not run here, and which test runs it instead. */
  readonly elsewhere?: string;
  /** A server: it must become ready, and exit on SIGTERM. */
  readonly serves?: true;
  /** The command to run instead, if the original names a reader's own files or takes minutes. */
  readonly standIn?: (command: string) => string;
  /** Checks the outcome, in addition to the exit code 0. */
  readonly check?: (outcome: Outcome, command: string) => void | Promise<void>;
}

/** Every command that documents may show, with the way to test it. An unlisted command fails the test. */
export const KNOWN_COMMANDS: readonly KnownCommand[] = [
  { pattern: /^npm ci$/, elsewhere: ".ci/run does it before any test" },
  { pattern: /^(npm ci && )?npm test$/, elsewhere: "this test is a part of it" },
  { pattern: /^npm run (lint|format|test:fast)$/, elsewhere: "npm test checks the same before any test" },
  { pattern: /^([A-Z_]+=\S+ )?npx vitest run test\/\w+$/, elsewhere: "npm test runs all of them" },
  {
    pattern: /^npm run kernels -- --headers DIR$/,
    elsewhere:
      "needs g++ and ONNX Runtime's headers; test/engine/runtime/kernels.test.ts fails where it would change the addon",
  },
  { pattern: /^npm run openapi$/, elsewhere: "test/api/openapi/document.test.ts fails where it would change a file" },
  { pattern: /^npm run mistakes( -- gelu-tanh)?$/, elsewhere: "test/mistakes/mistakes.test.ts is its short form" },
  { pattern: /^npm run test:chaos( -- 3)?$/, elsewhere: "test/chaos is its short form" },
  {
    pattern: /^npm run test:container( -- 3)?$/,
    elsewhere: "builds container images; test/container/running/first-start.test.ts is its short form",
  },
  { pattern: /^npm run load( -- \w+)?$/, elsewhere: "measures for minutes; test/load/load.test.ts runs short forms" },
  {
    pattern: /^npm ci --omit=dev$/,
    elsewhere: "test/container/scratch-build.test.ts runs the Dockerfile's steps, it among them",
  },
  {
    pattern: /^(npm pack|npm install --ignore-scripts \S+marimba-\*\.tgz|npx marimba serve)$/,
    elsewhere: "test/repository/package.test.ts",
  },
  { pattern: /^npm audit --omit=dev$/, elsewhere: "needs a registry that answers it" },
  { pattern: /^node scripts\/licences\.js$/, elsewhere: "test/repository/licences.test.ts" },
  { pattern: /^sha256sum /, standIn: (command) => `cd models/demo && ${command}`, check: checkHash },
  { pattern: /^(?!PROVIDER=cuda )([A-Z_]+=\S+ )*(npm start|node dist\/main\.js serve)$/, serves: true },
  {
    pattern: /^([A-Z_]+=\S+ )*node dist\/main\.js (api|worker|queue \w+)$/,
    elsewhere: "test/commands/services/topology.test.ts runs it on a Redis of its own",
  },
  { pattern: /^job=\$\(curl .*http:\/\/127\.0\.0\.1:8080.*\)$/ },
  { pattern: /^printf .* > edit\.json$/ },
  { pattern: /^curl .*\/events/, check: endsWithTheJob },
  { pattern: /^curl (?!.*\/events).*http:\/\/127\.0\.0\.1:8080/s, check: checkAnswer },
  { pattern: /^node dist\/main\.js sample /, check: checkSample },
  { pattern: /^node dist\/main\.js( \w+)? --help$/, check: printsSomething },
  {
    pattern: /^(PROVIDER=cuda )?node dist\/main\.js import --name \S+ /,
    standIn: stateArchitecture,
    check: checkImport,
  },
  { pattern: /^node dist\/main\.js evaluate .* --features inception\.onnx/, elsewhere: "needs the published weights" },
  { pattern: /^node dist\/main\.js evaluate (?!.*(inception|letters))/, standIn: fewRoughImages, check: checkMeasures },
  { pattern: /^node dist\/main\.js key new --name \S+ .*--file \S+( --write-key \S+)?$/, check: checkKey },
  {
    pattern: /^node dist\/main\.js sweep /,
    standIn: (command) =>
      `${command.split(/ --(?:base|models|presets)/)[0]!.replace(/ --num \d+/, "")} --num 12 --presets fast --steps 2 --rounds 1 --bootstrap 2`,
    check: printsSomething,
  },
  { pattern: /^npm run parity -- (?!training)/, check: printsSomething },
  {
    pattern:
      /^(python3 -m venv training\/\.venv|training\/\.venv\/bin\/(python|pip) .*|xargs -a training\/examples\/fonts\.txt .*|npm run (test:training|parity -- training\/.*))$/,
    elsewhere: "needs PyTorch; npm run test:training tests these commands, but not the import",
  },
  {
    pattern:
      /^(cp training\/\.work\/|node dist\/main\.js evaluate .*letters|npm run recognition -- --model-folder models\/letters )/,
    elsewhere: "needs the letters' model, whose training takes an hour",
  },
  { pattern: /^npm run build$/ },
  { pattern: /^npm run contract$/, elsewhere: "test/contract is its short form" },
  { pattern: /^npm run client -- \S+$/, check: printsSomething },
  { pattern: /^\(cd my-app && npm init -y && npm install \.\/marimba-client-\*\.tgz\)$/, check: printsSomething },
  // The reader is in the project already.
  { pattern: /^npm install openai@6$/, standIn: (command) => `cd my-app && ${command}`, check: printsSomething },
  {
    pattern: /^(python3 -m venv python|\. python\/bin\/activate)$/,
    elsewhere: "the tests use their own environment, which scripts/python.js makes in the same way",
  },
  // The packages are installed already.
  { pattern: /^pip install [a-z -]+$/, check: printsSomething },
  { pattern: /^openapi-python-client generate /, check: generatesTheClient },
  {
    pattern: /^([A-Z_]+=\S+ )*(docker|kubectl) /,
    elsewhere: "needs a container engine or a cluster; test/container checks its files",
  },
  {
    pattern: /^node dist\/main\.js gpu (install|check( --provider webgpu)?)$/,
    elsewhere: "needs a GPU, or downloads 250 MB; test/commands/gpu.test.ts tests the command",
  },
  {
    pattern:
      /^(python3 -m venv cuda|cuda\/bin\/pip install .* -r bench\/gpu\/cuda-requirements\.txt|export LD_LIBRARY_PATH=.*)$/,
    elsewhere: "downloads 1.3 GB; npm run test:container installs the same files",
  },
  { pattern: /^bench\/gpu\/\w+\.sh --help$/, check: printsSomething },
  {
    pattern: /^PROVIDER=cuda (MODELS=\S+ )?node dist\/main\.js (parity|serve)/,
    elsewhere: "needs a GPU; test/commands/parity.test.ts and serve.test.ts test the refusal without one",
  },
  {
    pattern: /^npm run guard( -- --record)?$/,
    elsewhere: "test/bench/guard/guard.test.ts runs it, and recording changes committed files",
  },
  {
    pattern: /^npm run guard -- --plant [\w,]+$/,
    elsewhere: "measures for minutes; test/mistakes/mistakes.test.ts keeps the slowdowns fitting the source",
  },
  // Even the short form takes a minute; what it measures has tests of its own.
  {
    pattern: /^npm run bench( -- --quick)?$/,
    standIn: () => withoutBuild("npm run bench -- --help"),
    check: printsSomething,
  },
  {
    pattern: /^npm run (bench:import|bench:reference|bench:dit|bench:causal|paper-table|profile) -- --help$/,
    standIn: withoutBuild,
    check: printsSomething,
  },
  {
    pattern: /^(SIDES=\S+|npm run bench:reference -- --official DIR .*)$/,
    elsewhere: "takes half an hour, and needs PyTorch, OpenVINO and a checkpoint of MAR-B's size",
  },
  {
    pattern:
      /^npm run (bench:dit -- (--threads 1 --rounds 3 --steps 2 )?--official DIR|bench:causal -- --official DIR|paper-table -- --tables 1(,2)?|profile -- --only (predict|denoise|decode))$/,
    standIn: (command) => withoutBuild(`npm run ${command.split(" ")[2]} -- --help`),
    check: printsSomething,
  },
  {
    pattern: /^npm run recognition( -- --precision int8)?$/,
    standIn: (command) =>
      withoutBuild(command.includes(" -- ") ? `${command} --per-class 1` : `${command} -- --per-class 1`),
    check: printsSomething,
  },
  {
    pattern: /^npm run edits$/,
    standIn: (command) => withoutBuild(`${command} -- --images 2`),
    check: printsSomething,
  },
  {
    pattern: /^npm run samples -- \S+ mar-b models\/mar-b\/samples\.webp$/,
    standIn: (command) => command.replaceAll("mar-b", "demo"),
    check: printsSomething,
  },
  {
    pattern: /^npm run parameter-images -- \S+ docs\/parameters$/,
    standIn: (command) => `${command} guidance_schedule`,
    check: printsSomething,
  },
];

export function knownCommand(command: string): KnownCommand {
  const known = KNOWN_COMMANDS.find(({ pattern }) => pattern.test(command));
  if (!known) throw new Error(`No rule says how to try this command; add one to known-commands.ts:\n${command}`);
  return known;
}

/** The output, or the file of `--write-key`, shows the key; the key file contains its hash. */
async function checkKey({ stdout, folder }: Outcome, command: string): Promise<void> {
  const written = / --write-key (\S+)/.exec(command)?.[1];
  const shown = written ? await readFile(join(folder, written), "utf8") : stdout;
  const [, id, secret] = /mrb_([0-9a-f]{12})_([0-9a-f]{48})/.exec(shown)!;
  const line = `${id} sha256:${createHash("sha256").update(secret!).digest("hex")}`;
  expect(await readFile(join(folder, /--file (\S+)/.exec(command)![1]!), "utf8")).toContain(line);
}

async function generatesTheClient({ folder }: Outcome, command: string): Promise<void> {
  const [, output] = / --output-path (\S+)/.exec(command)!;
  expect(await readFile(join(folder, output!, "models", "generate_request.py"), "utf8")).toContain("guidance_scale");
}

/** The npm script without its build, which exists already. */
function withoutBuild(command: string): string {
  const [, name, options] = /^npm run (\S+) -- (.*)$/.exec(command)!;
  return `${scripts[name!]!.replace(/^npm run --silent build && (exec )?/, "")} ${options}`;
}

/** The output must be the manifest's hash. */
async function checkHash({ stdout, folder }: Outcome): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, "models/demo/model.json"), "utf8"));
  expect(stdout).toBe(`${manifest.hash}  -\n`);
}

function printsSomething({ stdout }: Outcome): void {
  expect(stdout.trim()).not.toBe("");
}

function endsWithTheJob({ stdout }: Outcome): void {
  expect(stdout).toMatch(/event: completed\ndata: \{.*\}\n\n$/);
}

async function checkAnswer({ stdout, folder }: Outcome, command: string): Promise<void> {
  const [, file] = / -o (\S+)/.exec(command) ?? [];
  if (file) return checkPng(join(folder, file));
  const body = / -i /.test(command) ? stdout.slice(stdout.indexOf("\r\n\r\n") + 4) : stdout;
  const document = JSON.parse(body);
  expect(document, body).not.toHaveProperty("status"); // only problem documents have one
  if (!command.includes("/generate")) return;
  expect(document).toMatchObject({ id: expect.any(String), state: expect.any(String) });
  const [, asked] = /"num_images": (\d+)/.exec(command) ?? [];
  if (document.state === "completed") expect(document.images).toHaveLength(Number(asked ?? 1));
}

async function checkSample({ stdout, folder }: Outcome): Promise<void> {
  const files = stdout.trim().split("\n");
  for (const file of files) await checkPng(join(folder, file));
}

async function checkPng(path: string): Promise<void> {
  const { format, width } = await sharp(await readFile(path)).metadata();
  expect(format).toBe("png");
  expect(width).toBeGreaterThan(0);
}

/** Thousands of images would take hours. */
function fewRoughImages(command: string): string {
  return `${command.replace(/ --num \d+/, " --num 24")} --steps 2 --diffusion-steps 2 --bootstrap 2`;
}

function checkMeasures({ stdout }: Outcome, command: string): void {
  expect(stdout).toMatch(/^Images +24\nFréchet distance +\d/);
  if (command.includes("--compare")) expect(stdout).toMatch(/compared with evaluation\/\S+ \([\d.]+\):\n/);
}

/** A small checkpoint stands in for the reader's published one; its config.json states the sizes. */
function stateArchitecture(command: string): string {
  if (command.includes(" --latent-stats ")) return command.replace(/ --arch .*/s, recordedDetok());
  return command.replace(/ --arch mar-[blh]\b/, " --arch config.json");
}

function recordedDetok(): string {
  const file = (name: string) => join(REFERENCE, "systems/detok/small", name);
  const networks = ` --generator ${file("generator.pth")} --tokenizer ${file("tokenizer.pth")}`;
  return ` --arch ${file("config.json")}${networks} --latent-stats ${file("stats.pkl")}`;
}

async function checkImport({ folder }: Outcome, command: string): Promise<void> {
  const [, name] = / --name (\S+)/.exec(command)!;
  const manifest = JSON.parse(await readFile(join(folder, "models", name!, "model.json"), "utf8"));
  expect(manifest.name).toBe(name);
}
