import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { usableCores, usableMemory } from "../../../src/engine/runtime/allowance.js";

// Few machines allow a test to make a cgroup (test/commands/services/allowance.test.ts does where it can), so these tests
// read files as Linux writes them, in a folder of their own.

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** Eight CPUs, with two on each core. */
const TOPOLOGY = Object.fromEntries(
  [0, 1, 2, 3, 4, 5, 6, 7].map((cpu) => [
    `sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`,
    `${cpu % 4},${(cpu % 4) + 4}`,
  ]),
);

function machine(mask: string, files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "marimba-allowance-"));
  roots.push(root);
  const status = `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${mask}\nMems_allowed_list:\t0`;
  for (const [path, text] of Object.entries({ ...TOPOLOGY, "proc/self/status": status, ...files })) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}

const UNLIMITED_V1 = "9223372036854771712";

/** Version 1, with the hierarchies' own mounts; `at` is the part of them that is mounted. */
function version1(path: string, at: string): Record<string, string> {
  return {
    "proc/self/cgroup": `9:name=systemd:${path}\n4:memory:${path}\n1:cpu,cpuacct:${path}\n0::/`,
    "proc/self/mountinfo": [
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
      `32 31 0:29 ${at} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct`,
      `35 31 0:32 ${at} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory`,
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
    ].join("\n"),
  };
}

/** Version 2. */
function version2(path: string): Record<string, string> {
  return {
    "proc/self/cgroup": `0::${path}`,
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
  };
}

describe("the cores that a process may use", () => {
  it("are those of this machine's mask", () => {
    expect(usableCores()).toBeGreaterThanOrEqual(1);
    expect(usableCores()).toBeLessThanOrEqual(availableParallelism());
  });

  it("are the physical ones of the mask, and none that the machine does not have", () => {
    expect(usableCores(machine("0-7"))).toBe(4);
    expect(usableCores(machine("0-127"))).toBe(4);
    expect(usableCores(machine("1,5-6"))).toBe(2);
  });

  it("follow a quota of version 2, rounded down, and at least 1", () => {
    const quota = (max: string) => usableCores(machine("0-7", { ...version2("/"), "sys/fs/cgroup/cpu.max": max }));
    expect(["max 100000", "250000 100000", "50000 100000", "800000 100000"].map(quota)).toEqual([4, 2, 1, 4]);
  });

  it("follow the lowest quota of a cgroup and its parents", () => {
    const nested = {
      ...version2("/system.slice/marimba.service"),
      "sys/fs/cgroup/system.slice/cpu.max": "150000 100000",
      "sys/fs/cgroup/system.slice/marimba.service/cpu.max": "max 100000",
    };
    expect(usableCores(machine("0-7", nested))).toBe(1);
  });

  it("follow a quota of version 1, as a container sees it and as its host does", () => {
    const quota = { "cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000" };
    const inFolder = (folder: string) =>
      Object.fromEntries(
        Object.entries(quota).map(([file, text]) => [`sys/fs/cgroup/cpu,cpuacct${folder}/${file}`, text]),
      );
    const container = { ...version1("/docker/3f9c", "/docker/3f9c"), ...inFolder("") };
    expect(usableCores(machine("0-7", container))).toBe(2);
    const host = { ...version1("/docker/3f9c", "/"), ...inFolder("/docker/3f9c") };
    expect(usableCores(machine("0-7", host))).toBe(2);
    const none = { ...container, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1" };
    expect(usableCores(machine("0-7", none))).toBe(4);
  });
});

describe("the memory that a process may use", () => {
  it("is the machine's without a limit", () => {
    expect(usableMemory(machine("0"))).toBe(totalmem());
    const none = { ...version1("/", "/"), "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1 };
    expect(usableMemory(machine("0", none))).toBe(totalmem());
    expect(usableMemory(machine("0", { ...version2("/"), "sys/fs/cgroup/memory.max": "max" }))).toBe(totalmem());
  });

  it("is the cgroup's limit in either version", () => {
    const first = {
      ...version1("/docker/3f9c", "/docker/3f9c"),
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864",
    };
    expect(usableMemory(machine("0", first))).toBe(2 ** 26);
    const second = { ...version2("/pod/worker"), "sys/fs/cgroup/pod/memory.max": "134217728" };
    expect(usableMemory(machine("0", second))).toBe(2 ** 27);
  });
});
