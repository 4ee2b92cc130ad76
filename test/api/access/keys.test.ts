import { describe, expect, it } from "vitest";
import { newApiKey, readApiKey, writeApiKey } from "../../../src/api/access/api-key.js";
import { KeyFileError, readKeyEntries, writeKeyEntry } from "../../../src/api/access/key-entry.js";
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

  it("tell who holds one", () => {
    const ring = ringOf(alice, bob);
    expect(ring.principalOf(alice.key)).toEqual({
      id: `key-${alice.entry.id}`,
      name: "alice",
      isAdmin: true,
      isKnown: true,
      limits: { imagesPerMinute: 60, concurrentImages: 4 },
    });
    expect(ring.principalOf(bob.key)).toMatchObject({ name: "bob", isAdmin: false, limits: {} });
  });

  it("know no other secret, id or mixture", () => {
    const ring = ringOf(alice, bob);
    const [, id] = alice.key.split("_");
    const [, , otherSecret] = bob.key.split("_");
    for (const wrong of [exampleKey("eve").key, `mrb_${id}_${otherSecret}`, `mrb_${id}_${"0".repeat(48)}`, ""])
      expect(ring.principalOf(wrong), wrong).toBeUndefined();
  });

  it("hold no secret", () => {
    const [, , secret] = alice.key.split("_");
    expect(alice.line).not.toContain(secret);
    expect(alice.line).toMatch(
      /^alice [0-9a-f]{12} sha256:[0-9a-f]{64} role=admin images_per_minute=60 concurrent_images=4$/,
    );
  });

  it("change as a whole: one that was withdrawn is refused", () => {
    const ring = ringOf(alice, bob);
    ring.replace([bob.entry]);
    expect(ring.principalOf(alice.key)).toBeUndefined();
    expect(ring.principalOf(bob.key)).toBeDefined();
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
    ["alice 0123456789ab", "after the name must follow the id and sha256:HASH of a key"],
    [`${two.line} rights=all`, "a setting must be one of role, images_per_minute, concurrent_images, webhook_secret"],
    [`${two.line} images_per_minute=0`, "images_per_minute must be an integer from 1 to 1000000000"],
    [`${two.line} images_per_minute=1e3`, "images_per_minute must be an integer from 1 to 1000000000"],
    [`${one.line} webhook_secret=`, "webhook_secret must be whsec_ and base64 of 24 to 64 bytes"],
    [`${two.line} role=admin`, "role stands there twice"],
    [two.line.replace("role=admin", "role=root"), "role must be user or admin"],
  ])("with %j is refused", (line, fault) => {
    expect(() => readKeyEntries(`# a\n${line}`, "keys")).toThrow(new KeyFileError(`keys, line 2: ${fault}.`));
  });

  it("names every line at fault, and holds no id twice", () => {
    expect(() => readKeyEntries(`x\n${one.line}\n${one.line}`, "keys")).toThrow(
      "keys, line 1: after the name must follow the id and sha256:HASH of a key.\nkeys, line 3: its id stands there twice.",
    );
  });

  it("tells no secret of a line that it refuses", () => {
    const secret = "whsec_c2VjcmV0";
    expect(() => readKeyEntries(`${two.line} webhook_secret=${secret}`, "keys")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
  });
});
