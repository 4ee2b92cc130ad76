import { writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { KeyFileError, readKeyEntries, writeKeyEntry } from "../../../src/api/access/key-entry.js";
import { newApiKey, readApiKey, writeApiKey } from "../../../src/api/access/key-ring.js";
import { openKeys } from "../../../src/api/access/key-source.js";
import { loadConfig } from "../../../src/config.js";
import { eventually } from "../../eventually.js";
import { exampleKey, ringOf } from "./example-keys.js";

describe("an API key", () => {
  it("is mrb_, an id and a secret of 192 random bits", () => {
    const keys = Array.from({ length: 100 }, () => writeApiKey(newApiKey()));
    for (const key of keys) expect(key).toMatch(/^mrb_[0-9a-f]{12}_[0-9a-f]{48}$/);
    expect(new Set(keys.map((key) => key.slice(17))).size).toBe(100);
  });

  it("is read back, and nothing else is", () => {
    const key = newApiKey();
    const text = writeApiKey(key);
    expect(readApiKey(text)).toEqual(key);
    for (const other of ["", "mrb_", `${text}0`, text.slice(1), text.toUpperCase(), `${text}\n`, ` ${text}`])
      expect(readApiKey(other), other).toBeUndefined();
  });
});

describe("the keys that are accepted", () => {
  const alice = exampleKey("alice", { isAdmin: true, imagesPerMinute: 60, concurrentImages: 4 });
  const bob = exampleKey("bob");

  it("identify their caller", () => {
    const ring = ringOf(alice, bob);
    expect(ring.callerOf(alice.key)).toEqual({
      id: `key-${alice.entry.id}`,
      name: "alice",
      isAdmin: true,
      isKnown: true,
      limits: { imagesPerMinute: 60, concurrentImages: 4 },
    });
    expect(ring.callerOf(bob.key)).toMatchObject({ name: "bob", isAdmin: false, limits: {} });
  });

  it("know no other secret, id or mixture", () => {
    const ring = ringOf(alice, bob);
    const [, id] = alice.key.split("_");
    const [, , otherSecret] = bob.key.split("_");
    for (const wrong of [exampleKey("eve").key, `mrb_${id}_${otherSecret}`, `mrb_${id}_${"0".repeat(48)}`, ""])
      expect(ring.callerOf(wrong), wrong).toBeUndefined();
  });

  it("contain no secret", () => {
    const [, , secret] = alice.key.split("_");
    expect(alice.line).not.toContain(secret);
    expect(alice.line).toMatch(
      /^alice [0-9a-f]{12} sha256:[0-9a-f]{64} role=admin images_per_minute=60 concurrent_images=4$/,
    );
  });

  it("change as a whole: one that was withdrawn is refused", () => {
    const ring = ringOf(alice, bob);
    ring.replace([bob.entry]);
    expect(ring.callerOf(alice.key)).toBeUndefined();
    expect(ring.callerOf(bob.key)).toBeDefined();
  });
});

describe("a key file", () => {
  const one = exampleKey("one", { webhookSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
  const two = exampleKey("two", { isAdmin: true });

  it("is lines, in a variable parted by semicolons, with comments", () => {
    const text = `# our keys\n${one.line}   # for the shop\n\n  ${two.line}\r\n`;
    expect(readKeyEntries(text, "keys")).toEqual([one.entry, two.entry]);
    expect(readKeyEntries(`${one.line};${two.line}`, "API_KEYS")).toEqual([one.entry, two.entry]);
    expect(readKeyEntries(two.line, "keys").map(writeKeyEntry)).toEqual([two.line]);
  });

  it.each([
    ["é 0123456789ab sha256:00", "it must begin with a name (letters, digits, . _ -)"],
    ["alice 0123456789ab", "the name must be followed by a key's id and sha256:HASH"],
    [`${two.line} rights=all`, "a setting must be one of role, images_per_minute, concurrent_images, webhook_secret"],
    [`${two.line} images_per_minute=0`, "images_per_minute must be an integer from 1 to 1000000000"],
    [`${two.line} images_per_minute=1e3`, "images_per_minute must be an integer from 1 to 1000000000"],
    [
      `${one.line} webhook_secret=`,
      "webhook_secret must be whsec_ and base64 of 24 to 64 bytes, or two of them separated by a comma",
    ],
    [`${two.line} role=admin`, "role appears twice"],
    [two.line.replace("role=admin", "role=root"), "role must be user or admin"],
  ])("with %j is refused", (line, fault) => {
    expect(() => readKeyEntries(`# a\n${line}`, "keys")).toThrow(new KeyFileError(`keys, line 2: ${fault}.`));
  });

  it("names every wrong line, and refuses duplicate ids", () => {
    expect(() => readKeyEntries(`x\n${one.line}\n${one.line}`, "keys")).toThrow(
      "keys, line 1: the name must be followed by a key's id and sha256:HASH.\nkeys, line 3: its id appears twice.",
    );
  });

  it("reveals no secret of a refused line", () => {
    const secret = "whsec_c2VjcmV0";
    expect(() => readKeyEntries(`${two.line} webhook_secret=${secret}`, "keys")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
  });
});

describe("opening the keys", () => {
  async function warnings(environment: Record<string, string>): Promise<string[]> {
    const lines: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line) => void lines.push(JSON.parse(line).msg) });
    (await openKeys(loadConfig(environment), logger)).close();
    return lines;
  }

  it.runIf(process.getuid)("warns if other users can read the file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-keys-"));
    const file = join(folder, "api-keys");
    await writeFile(file, exampleKey("alice").line);
    for (const mode of [0o644, 0o640, 0o602]) {
      await chmod(file, mode);
      expect(await warnings({ API_KEYS_FILE: file })).toEqual([
        expect.stringMatching(/^Other users can read or change the key file/),
      ]);
    }
    await chmod(file, 0o600);
    expect(await warnings({ API_KEYS_FILE: file })).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it("waits for a file that is empty while it is being written", async () => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-keys-"));
    const file = join(folder, "api-keys");
    const [alice, bob] = [exampleKey("alice"), exampleKey("bob")];
    await writeFile(file, alice.line);
    const { keys, close } = await openKeys(loadConfig({ API_KEYS_FILE: file }), pino({ level: "silent" }));
    onTestFinished(close);
    const sizes = new Set<number>();
    const isRead = eventually(() => {
      if (!keys!.callerOf(bob.key)) sizes.add(keys!.size);
      expect(keys!.callerOf(bob.key)).toBeDefined();
    });
    await truncate(file);
    process.emit("SIGHUP");
    // The first look finds it empty; the second, a quarter of a second later, is to find both keys.
    await sleep(50);
    writeFileSync(file, `${alice.line}\n${bob.line}`);
    await isRead;
    expect(sizes).toEqual(new Set([1]));
    expect(keys!.size).toBe(2);
    // One that stays empty takes all keys back.
    await truncate(file);
    process.emit("SIGHUP");
    await expect.poll(() => keys!.size).toBe(0);
    await rm(folder, { recursive: true });
  });

  it("warns if everyone who can connect needs no key", async () => {
    const sentence = expect.stringMatching(/^No API key is required \(ALLOW_ANONYMOUS=true\)/);
    for (const HOST of ["0.0.0.0", "::", "192.0.2.1"])
      expect(await warnings({ HOST, ALLOW_ANONYMOUS: "true" })).toEqual([sentence]);
    for (const HOST of ["127.0.0.1", "localhost"])
      expect(await warnings({ HOST, ALLOW_ANONYMOUS: "true" })).toEqual([]);
    expect(await warnings({ HOST: "0.0.0.0", API_KEYS: exampleKey("alice").line })).toEqual([]);
  });
});
