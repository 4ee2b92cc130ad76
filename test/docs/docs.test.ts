import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pathWithTestPython } from "../python/environment.js";
import { type Example, examples, runExample } from "./examples.js";
import { KNOWN_COMMANDS, knownCommand } from "./known-commands.js";
import { brokenLinks } from "./links.js";
import { type ScratchCheckout, scratchCheckout } from "./scratch-checkout.js";
import { DocumentedServer } from "./server.js";
import { inlineCommands, shellBlocks } from "./shell-blocks.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(PROJECT, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file)),
];
const DOCUMENTED_ADDRESS = "http://127.0.0.1:8080";
/** Longest that one block may take. */
const BLOCK_MS = 300_000;

const programs = DOCUMENTS.flatMap((document) =>
  examples(readFileSync(join(PROJECT, document), "utf8")).map((example): [string, Example] => [
    `${document}:${example.line}`,
    example,
  ]),
);
const blocks = DOCUMENTS.flatMap((document) =>
  shellBlocks(readFileSync(join(PROJECT, document), "utf8")).map(
    ({ line, commands }) => [`${document}:${line}`, commands] as const,
  ),
);
/** Commands in sentences that no block shows. */
const inSentences = [
  ...new Set(DOCUMENTS.flatMap((document) => inlineCommands(readFileSync(join(PROJECT, document), "utf8")))),
].filter((command) => !blocks.some(([, commands]) => commands.includes(command)));
/** One thread an operator: two cores have other tests to run. */
const environment = { PATH: pathWithTestPython(), HOME: process.env.HOME, THREADS: "1" };

let checkout: ScratchCheckout;
let server: DocumentedServer;
let address: string;

beforeAll(async () => {
  checkout = await scratchCheckout();
  server = new DocumentedServer("npm start", checkout.folder, environment);
  address = await server.ready();
}, BLOCK_MS);

afterAll(async () => {
  await server?.stop();
  await checkout?.remove();
});

/** Runs commands in one shell, as a reader would type them, and returns the standard output of each. */
async function runInOneShell(commands: readonly string[]): Promise<string[]> {
  const outputs = await mkdtemp(join(tmpdir(), "marimba-docs-output-"));
  try {
    const script = commands.map((command, i) => `{ ${command}\n} > ${outputs}/${i} || exit\n`).join("");
    await promisify(execFile)("sh", ["-c", script], { cwd: checkout.folder, env: environment, timeout: BLOCK_MS });
    return await Promise.all(commands.map((_, i) => readFile(join(outputs, String(i)), "utf8")));
  } finally {
    await rm(outputs, { recursive: true });
  }
}

async function startAndStop(command: string): Promise<void> {
  const another = new DocumentedServer(command, checkout.folder, { ...environment, LOG_LEVEL: "info" });
  await another.ready();
  expect(await another.stop()).toMatch(/Everything is closed/);
}

/** Tries commands as their rules say. */
async function tryCommands(commands: readonly string[]): Promise<void> {
  const known = commands.map((command) => ({ command, ...knownCommand(command) }));
  for (const { command, serves } of known) if (serves && command !== "npm start") await startAndStop(command);
  const run = known.filter(({ serves, elsewhere }) => !serves && !elsewhere);
  const asRun = run.map(({ command, standIn }) =>
    (standIn?.(command) ?? command).replaceAll(DOCUMENTED_ADDRESS, address),
  );
  const outputs = await runInOneShell(asRun);
  for (const [i, { command, check }] of run.entries())
    await check?.({ stdout: outputs[i]!, folder: checkout.folder }, command);
}

describe("a command that a document shows works:", () => {
  it.each(blocks)("%s", { timeout: BLOCK_MS }, async (_, commands) => tryCommands(commands));

  it.each(inSentences)("`%s`", { timeout: BLOCK_MS }, async (command) => tryCommands([command]));

  it("from npm ci to the picture, in the README", () => {
    const inReadme = blocks.filter(([place]) => place.startsWith("README.md")).flatMap(([, commands]) => commands);
    expect(inReadme.slice(0, 2)).toEqual(["npm ci", "npm start"]);
    expect(inReadme[2]).toMatch(/^curl /);
  });
});

/** After the commands, which install what they use. */
describe("a program that a document shows works:", () => {
  it.each(programs)("%s", { timeout: BLOCK_MS }, async (_, example) => {
    const text = example.text.replaceAll(DOCUMENTED_ADDRESS, address);
    const { stdout, pictures } = await runExample({ ...example, text }, checkout.folder, environment);
    for (const bytes of pictures) expect(await sharp(bytes).metadata()).toMatchObject({ format: "png", width: 64 });
    expect(text.includes(".png") ? pictures.length : stdout.length).toBeGreaterThan(0);
  });

  it("in the README: the client's, the generated one's and one of OpenAI's packages", () => {
    const inReadme = programs.filter(([place]) => place.startsWith("README.md")).map(([, { text }]) => text);
    expect(inReadme.some((text) => text.includes('from "@marimba/client"'))).toBe(true);
    expect(inReadme.some((text) => text.includes("from marimba_client import"))).toBe(true);
    expect(inReadme.some((text) => text.includes("from openai import"))).toBe(true);
  });
});

describe("the pages", () => {
  it("are all of docs/, and the README leads to each", () => {
    const readme = readFileSync(join(PROJECT, "README.md"), "utf8");
    for (const document of DOCUMENTS.slice(1)) expect(readme).toContain(`](${document})`);
  });

  it("lead to no file and no heading that isn't there", () => {
    const broken = DOCUMENTS.flatMap((document) => brokenLinks(PROJECT, document));
    expect(broken).toEqual([]);
  });
});

describe("the list of known commands", () => {
  it("knows the first rule for each command alone", () => {
    for (const command of [...blocks.flatMap(([, commands]) => commands), ...inSentences])
      expect(KNOWN_COMMANDS.filter(({ pattern }) => pattern.test(command))).toHaveLength(1);
  });

  it("leaves no command to a test that isn't there, and has no rule for none", () => {
    const named = KNOWN_COMMANDS.flatMap(
      ({ elsewhere }) => elsewhere?.match(/\b(test|scripts|\.ci)\/[\w./-]+\w/g) ?? [],
    );
    for (const path of named) expect(existsSync(join(PROJECT, path)), path).toBe(true);
    const commands = [...blocks.flatMap(([, commands]) => commands), ...inSentences];
    const idle = KNOWN_COMMANDS.filter(({ pattern }) => !commands.some((command) => pattern.test(command)));
    expect(idle.map(({ pattern }) => pattern.source)).toEqual([]);
  });

  it("refuses a command that nobody said how to try", () => {
    expect(() => knownCommand("rm -rf models")).toThrow(/add one/);
  });
});
