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
/** Time limit of one block. */
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
/** Commands that appear in sentences only. */
const inSentences = [
  ...new Set(DOCUMENTS.flatMap((document) => inlineCommands(readFileSync(join(PROJECT, document), "utf8")))),
].filter((command) => !blocks.some(([, commands]) => commands.includes(command)));
/** One thread per operator, since other tests run at the same time; and no engine is warmed up with many images. */
const environment = { PATH: pathWithTestPython(), HOME: process.env.HOME, THREADS: "1", MAX_BATCH: "4" };

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

/** Runs commands in one shell, as a reader would type them, and returns the standard output of each command. */
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

/** Tries commands according to their rules. */
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

  it("from npm ci to the image, in the README", () => {
    const inReadme = blocks.filter(([place]) => place.startsWith("README.md")).flatMap(([, commands]) => commands);
    expect(inReadme.slice(0, 2)).toEqual(["npm ci", "npm start"]);
    expect(inReadme[2]).toMatch(/^curl /);
  });
});

/** Runs after the commands, which install the packages that the programs use. */
describe("a program that a document shows works:", () => {
  it.each(programs)("%s", { timeout: BLOCK_MS }, async (_, example) => {
    const text = example.text.replaceAll(DOCUMENTED_ADDRESS, address);
    const { stdout, images } = await runExample({ ...example, text }, checkout.folder, environment);
    for (const bytes of images) expect(await sharp(bytes).metadata()).toMatchObject({ format: "png", width: 64 });
    expect(text.includes(".png") ? images.length : stdout.length).toBeGreaterThan(0);
  });

  it.each([
    ["README.md", ["from openai import"]],
    ["docs/clients.md", ['from "@marimba/client"', "from marimba_client import", "from openai import", "from urllib"]],
  ])("in %s: one for each client", (document, imports) => {
    const texts = programs.filter(([place]) => place.startsWith(document)).map(([, { text }]) => text);
    for (const line of imports)
      expect(
        texts.some((text) => text.includes(line)),
        line,
      ).toBe(true);
  });
});

describe("the pages", () => {
  it("are all linked from the README", () => {
    const readme = readFileSync(join(PROJECT, "README.md"), "utf8");
    for (const document of DOCUMENTS.slice(1)) expect(readme).toContain(`](${document})`);
  });

  it("contain no broken link", () => {
    const broken = DOCUMENTS.flatMap((document) => brokenLinks(PROJECT, document));
    expect(broken).toEqual([]);
  });
});

describe("the list of known commands", () => {
  it("has exactly one rule for each command", () => {
    for (const command of [...blocks.flatMap(([, commands]) => commands), ...inSentences])
      expect(
        KNOWN_COMMANDS.filter(({ pattern }) => pattern.test(command)),
        command,
      ).toHaveLength(1);
  });

  it("names only tests that exist, and has no unused rule", () => {
    const named = KNOWN_COMMANDS.flatMap(
      ({ elsewhere }) => elsewhere?.match(/\b(test|scripts|\.ci)\/[\w./-]+\w/g) ?? [],
    );
    for (const path of named) expect(existsSync(join(PROJECT, path)), path).toBe(true);
    const commands = [...blocks.flatMap(([, commands]) => commands), ...inSentences];
    const idle = KNOWN_COMMANDS.filter(({ pattern }) => !commands.some((command) => pattern.test(command)));
    expect(idle.map(({ pattern }) => pattern.source)).toEqual([]);
  });

  it("refuses a command without a rule", () => {
    expect(() => knownCommand("rm -rf models")).toThrow(/add one/);
  });
});
