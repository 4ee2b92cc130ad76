import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { post, type Reception } from "../../src/webhooks/post.js";
import {
  isPublicAddress,
  type ResolvedAddress,
  readTarget,
  resolveTarget,
  TargetRefused,
} from "../../src/webhooks/target.js";
import { addresses, Receiver } from "./receiver.js";

const STRICT = { allowPrivate: false, allowHosts: [] };
let inside: Receiver;
beforeAll(async () => {
  inside = await Receiver.listen(0, "::");
});
afterAll(() => inside.close());

/** As the service does it: read, resolve, check, post. Rejects where nothing may be sent. */
async function attack(url: string, resolve: () => ResolvedAddress[] = () => []): Promise<Reception> {
  return post(readTarget(url, STRICT), {}, "{}", { policy: STRICT, resolve: async () => resolve(), timeoutMs: 2000 });
}

/** Hosts that are, or lead to, a place inside, as an address writes them; PORT is where something listens. */
const HOSTS = [
  "127.0.0.1",
  "127.1",
  "127.0.0.1.",
  "127.255.255.254",
  "2130706433",
  "0x7f000001",
  "0x7f.0.0.1",
  "017700000001",
  "0177.0.0.01",
  "%31%32%37.0.0.1",
  "１２７.0.0.1",
  "127。0。0。1",
  "0.0.0.0",
  "0",
  "10.0.0.1",
  "100.64.0.1",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.0.1",
  "192.0.0.192",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[::ffff:0:127.0.0.1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b:1::127.0.0.1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "[fe80::1]",
  "[fc00::1]",
  "[fd00:ec2::254]",
  "[fec0::1]",
  "[ff02::1]",
  "[2001:db8::1]",
];

describe("no webhook reaches what is inside:", () => {
  it.each(HOSTS)("%s is refused as written", async (host) => {
    await expect(attack(`https://${host}:${inside.port}/`)).rejects.toThrow(TargetRefused);
    await expect(attack(`http://${host}:${inside.port}/`)).rejects.toThrow(TargetRefused);
  });

  it.each([
    ["127.0.0.1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    ["169.254.169.254"],
    ["64:ff9b::a9fe:a9fe"],
    ["8.8.8.8", "127.0.0.1"],
    ["127.0.0.1", "8.8.8.8"],
    ["2606:4700::1111", "::1"],
    ["not an address"],
  ])("a name that resolves to %s %s", async (...found) => {
    for (const host of ["inside.example", "inside.example.", "localhost", "localhost.", "a.localhost"])
      await expect(attack(`https://${host}:${inside.port}/`, () => addresses(...found))).rejects.toThrow(TargetRefused);
  });

  it.each([
    "localhost",
    "localhost.",
    "LOCALHOST",
    "a.localhost",
    "ip6-localhost",
    "ip6-loopback",
    "localhost.localdomain",
  ])("%s is this machine, and refused without a DNS query", (host) => {
    expect(() => readTarget(`https://${host}:${inside.port}/`, STRICT)).toThrow(TargetRefused);
    expect(readTarget(`http://${host}/`, { ...STRICT, allowPrivate: true }).protocol).toBe("http:");
  });

  it.each([
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "https://",
    "https://example.com:99999/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1#@example.com/",
    "https://127.0.0.1\\@example.com/",
    `https://example.com/${"x".repeat(2048)}`,
  ])("%s is no address for one", (url) => {
    expect(() => readTarget(url, STRICT)).toThrow(TargetRefused);
  });

  it("a name is resolved once, so that a later change does not matter", async () => {
    let asked = 0;
    const resolve = () => addresses(++asked === 1 ? "192.0.2.1" : "127.0.0.1");
    await expect(attack(`https://rebinding.example:${inside.port}/`, resolve)).rejects.toThrow(TargetRefused);
    asked = 0;
    // The first answer is allowed, and goes nowhere; the second, were it asked for, would get in.
    const first = () => addresses(++asked === 1 ? "2001:4860:4860::8888" : "127.0.0.1");
    await expect(attack(`https://rebinding.example:${inside.port}/`, first)).rejects.not.toThrow(TargetRefused);
    expect(asked).toBe(1);
  });

  it("and nothing was reached by any of them", () => {
    expect(inside.connections).toBe(0);
  });
});

describe("where the operator allows it,", () => {
  const trusting = { allowPrivate: false, allowHosts: ["hooks.internal", "127.0.0.1"] };

  it("a host may be private and speak plain HTTP, and no other host", async () => {
    const url = readTarget(`http://hooks.internal.:${inside.port}/a?b=c#d`, trusting);
    expect(url.hash).toBe("");
    const resolve = async () => addresses("127.0.0.1");
    expect(await post(url, {}, "{}", { policy: trusting, resolve })).toEqual({ status: 204 });
    expect(inside.received.at(-1)).toMatchObject({
      path: "/a?b=c",
      headers: { host: `hooks.internal.:${inside.port}` },
    });
    expect(
      await post(readTarget(`http://127.0.0.1:${inside.port}/`, trusting), {}, "{}", { policy: trusting }),
    ).toEqual({
      status: 204,
    });
    for (const other of [
      "http://other.internal/",
      "http://127.0.0.2/",
      "https://hooks.internal.evil.example@127.0.0.2/",
    ])
      expect(() => readTarget(other, trusting), other).toThrow(TargetRefused);
    const evil = readTarget("https://xhooks.internal/", trusting);
    await expect(resolveTarget(evil, trusting, resolve)).rejects.toThrow(TargetRefused);
  });

  it("everything may, with allowPrivate", async () => {
    const policy = { allowPrivate: true, allowHosts: [] };
    expect(await post(readTarget(`http://localhost:${inside.port}/`, policy), {}, "{}", { policy })).toEqual({
      status: 204,
    });
  });
});

describe("a public address", () => {
  it.each(["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2001:4860:4860::8888"])(
    "is %s",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each(["", "localhost", "1.1.1", "::1%lo", "fe80::1%eth0", "3fff::1", "5f00::1", "4000::1", "192.0.2.1"])(
    "is not %j",
    (address) => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );
});
