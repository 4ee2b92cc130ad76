import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readKeyEntries } from "../../src/api/access/key-entry.js";
import { exampleKey } from "../api/access/example-keys.js";
import { eventually } from "../eventually.js";
import { importTinyModel, Marimba } from "./marimba.js";

let folder: string;
let file: string;
let count = 0;
const started: Marimba[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-keys-"));
  await importTinyModel(join(folder, "models"));
});
afterEach(async () => {
  for (const marimba of started.splice(0)) {
    marimba.kill("SIGKILL");
    await marimba.ended;
  }
  file = join(folder, `keys-${count++}`);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => new Marimba(["key", ...args]).ended;
const KEY = /mrb_[0-9a-f]{12}_[0-9a-f]{48}/;

function serve(environment: Record<string, string>): Marimba {
  const marimba = new Marimba(["serve"], { MODELS_DIR: join(folder, "models"), ENGINE: "null", ...environment });
  started.push(marimba);
  return marimba;
}

async function statusWith(address: string, key: string): Promise<number> {
  return (await fetch(`${address}/models`, { headers: { "x-api-key": key } })).status;
}

/** Resolves once the key is answered with this status. */
const untilStatus = (address: string, key: string, status: number) =>
  eventually(async () => expect(await statusWith(address, key)).toBe(status));

describe("marimba key new", () => {
  it("shows a key once, with its line and the secret that signs its webhooks", async () => {
    const { code, stdout, stderr } = await run("new", "--name", "shop", "--role", "admin", "--images-per-minute", "60");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [key] = KEY.exec(stdout)!;
    const [line] = /^ +shop [0-9a-f]{12} sha256:.*$/m.exec(stdout)!;
    const [entry] = readKeyEntries(line, "line");
    expect(entry).toMatchObject({ name: "shop", id: key.split("_")[1], isAdmin: true, imagesPerMinute: 60 });
    expect(line).not.toContain(key.split("_")[2]);
    expect(stdout).toContain(`\n  ${entry!.webhookSecret}\n`);
  });

  it("adds lines to a file that its owner alone can read", async () => {
    for (const name of ["one", "two"])
      expect(await run("new", "--name", name, "--file", file)).toMatchObject({ code: 0, stderr: "" });
    const text = await readFile(file, "utf8");
    expect(readKeyEntries(text, file).map(({ name }) => name)).toEqual(["one", "two"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("tells of a key that has the name already", async () => {
    const { line, entry } = exampleKey("shop");
    await writeFile(file, line);
    expect(await run("new", "--name", "shop", "--file", file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(KEY),
      stderr: `${file} already held a key named shop (id ${entry.id}); it stays valid until its line is removed.\n`,
    });
    expect(readKeyEntries(await readFile(file, "utf8"), file).map(({ name }) => name)).toEqual(["shop", "shop"]);
  });

  it("writes the key into a file of its own, and shows it then to nobody", async () => {
    const { stdout } = await run("new", "--name", "one", "--file", file, "--write-key", `${file}.key`);
    expect(stdout).not.toMatch(KEY);
    expect(stdout).not.toContain("whsec_");
    expect(await readFile(`${file}.key`, "utf8")).toMatch(new RegExp(`^${KEY.source}\n$`));
    expect((await stat(`${file}.key`)).mode & 0o777).toBe(0o600);
    const again = await run("new", "--name", "one", "--file", file, "--write-key", `${file}.key`);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("something of that name already exists"),
    });
    expect(readKeyEntries(await readFile(file, "utf8"), file)).toHaveLength(1);
  });

  it("with --once leaves a file that is there as it is, and finishes what was begun", async () => {
    const once = ["new", "--name", "first", "--file", file, "--write-key", `${file}.key`, "--once"];
    // As after a process that died between the two files.
    await writeFile(`${file}.key`, "mrb_");
    expect((await run(...once)).code).toBe(0);
    const [keys, key] = [await readFile(file, "utf8"), await readFile(`${file}.key`, "utf8")];
    expect(key).toContain(readKeyEntries(keys, file)[0]!.id);
    expect(await run(...once)).toMatchObject({ code: 0, stdout: `${file} already exists; nothing was changed.\n` });
    expect([await readFile(file, "utf8"), await readFile(`${file}.key`, "utf8")]).toEqual([keys, key]);
  });

  it("adds nothing to a file that holds no keys", async () => {
    await writeFile(file, "PORT=8080\n");
    expect(await run("new", "--name", "one", "--file", file)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/, line 1: [^\n]+\.\n$/),
    });
    expect(await readFile(file, "utf8")).toBe("PORT=8080\n");
  });

  it.each([
    [[], "Usage: marimba key new --name NAME."],
    [["new"], "--name must be 1 to 64 letters, digits, ., _ or -: the caller that the key is for."],
    [["new", "--name", "a b"], "--name must be 1 to 64 letters, digits, ., _ or -: the caller that the key is for."],
    [["new", "--name", "a", "--role", "root"], "--role must be user or admin."],
    [
      ["new", "--name", "a", "--images-per-minute", "0"],
      "--images-per-minute must be a number of images from 1 to 999999999.",
    ],
    [["new", "--name", "a", "--once"], "--once needs --file: the file that may already exist."],
  ])("refuses %j", async (args, sentence) => {
    expect(await run(...args)).toMatchObject({ code: 2, stdout: "", stderr: `${sentence}\n` });
  });
});

describe("a server", () => {
  it.each(["0.0.0.0", "::", "192.0.2.1"])("refuses to listen on %s without keys, in one sentence", async (HOST) => {
    const { code, stdout, stderr } = await serve({ HOST }).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `HOST is ${HOST}, so other machines can connect, and there are no API keys: set API_KEYS_FILE (marimba key new ` +
        "creates keys), or ALLOW_ANONYMOUS=true to serve everyone.\n",
    );
  });

  it("listens there with keys, and without them where it is told to", async () => {
    const alice = exampleKey("alice");
    const [closed, open] = [
      serve({ HOST: "0.0.0.0", API_KEYS: alice.line }),
      serve({ HOST: "0.0.0.0", ALLOW_ANONYMOUS: "true" }),
    ];
    expect(await statusWith(await closed.address(), "")).toBe(401);
    expect(await statusWith(await closed.address(), alice.key)).toBe(200);
    expect(await statusWith(await open.address(), "")).toBe(200);
    for (const { stdout } of [closed, open])
      expect(stdout).toMatch(
        /^Marimba listens on http:\/\/127\.0\.0\.1:\d+ \(and on all other addresses of this machine\) and/,
      );
    expect(open.stderr).toContain("No API key is required (ALLOW_ANONYMOUS=true): everyone who can connect");
    expect(closed.stderr).not.toContain("ALLOW_ANONYMOUS");
  });

  it("says what is wrong with its keys, and shows no line of them", async () => {
    await writeFile(file, "alice 00 secret\n");
    const bad = await serve({ API_KEYS_FILE: file }).ended;
    expect(bad.stderr).toBe(`${file}, line 1: the name must be followed by a key's id and sha256:HASH.\n`);
    const missing = await serve({ API_KEYS_FILE: `${file}-none` }).ended;
    expect(missing.stderr).toBe(`${file}-none can't be opened: there is no such file or folder.\n`);
    const both = await serve({ API_KEYS_FILE: file, API_KEYS: "x" }).ended;
    expect(both.stderr).toBe("API_KEYS and API_KEYS_FILE are both set; set only one of them.\n");
    for (const { code } of [bad, missing, both]) expect(code).toBe(1);
  });

  it("takes over a changed file, and keeps its keys where it can't be understood", async () => {
    const [alice, bob] = [exampleKey("alice"), exampleKey("bob")];
    await writeFile(file, alice.line);
    const server = serve({ API_KEYS_FILE: file });
    const address = await server.address();
    expect(await statusWith(address, bob.key)).toBe(401);
    await writeFile(file, bob.line);
    await untilStatus(address, bob.key, 200);
    expect(await statusWith(address, alice.key)).toBe(401);
    await writeFile(file, `${alice.line} role=`);
    server.kill("SIGHUP");
    await eventually(() => expect(server.stderr).toContain("Can't reload"));
    expect(await statusWith(address, bob.key)).toBe(200);
    expect(await statusWith(address, alice.key)).toBe(401);
  });

  it("reads the file again on SIGHUP, and lives", async () => {
    const alice = exampleKey("alice");
    await writeFile(file, "# none yet\n");
    const server = serve({ API_KEYS_FILE: file });
    const address = await server.address();
    server.kill("SIGHUP");
    await eventually(() => expect(server.stderr).toContain("Reloaded"));
    expect(await statusWith(address, alice.key)).toBe(401);
  });

  it("logs a key's name and never the key, wherever a client puts it", async () => {
    const alice = exampleKey("alice", { webhookSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    const eve = exampleKey("eve");
    const server = serve({ API_KEYS: alice.line, LOG_LEVEL: "trace" });
    const address = await server.address();
    const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
      fetch(`${address}${path}`, { ...init, headers: { "content-type": "application/json", ...headers } });
    for (const { key } of [alice, eve]) {
      await ask("/models", { authorization: `Bearer ${key}` });
      await ask("/models", { "x-api-key": key, "x-request-id": key });
      await ask(`/models?api_key=${key}`);
      await ask(`/jobs/${key}`, { "x-api-key": alice.key });
      await ask(`/${key.replaceAll("_", "%5F")}`);
      await ask("/generate", { "x-api-key": alice.key }, { method: "POST", body: `{"class": "${key}"` });
      await ask(
        "/generate",
        { authorization: `Basic ${Buffer.from(`a:${key}`).toString("base64")}` },
        { method: "POST" },
      );
    }
    server.kill("SIGTERM");
    const { stdout, stderr } = await server.ended;
    expect(stderr).toContain('"key":"alice"');
    for (const { key } of [alice, eve]) {
      const [, id, secret] = key.split("_");
      expect(stdout + stderr).not.toContain(secret);
      expect(stderr).toContain(`[key ${id}]`);
    }
    expect(stdout + stderr).not.toContain(alice.entry.webhookSecret!.slice(6));
    expect(stdout + stderr).not.toContain(alice.entry.hash.toString("hex"));
  });
});
