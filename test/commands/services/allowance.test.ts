import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../eventually.js";
import { bytes, ready } from "../deployment.js";
import { generate, importTinyModel, Marimba } from "../marimba.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-allowance-"));
  await importTinyModel(join(folder, "models"));
});
afterAll(() => rm(folder, { recursive: true }));

const started: Marimba[] = [];
afterEach(async () => {
  for (const marimba of started.splice(0)) {
    marimba.kill("SIGKILL");
    await marimba.ended;
  }
});

/** Without THREADS, unless it is given. */
function serve(wrapper: readonly string[], environment: Readonly<Record<string, string>> = {}): Marimba {
  const own = { MODELS_DIR: join(folder, "models"), THREADS: "", ...environment };
  const marimba = new Marimba(["serve"], own, folder, wrapper);
  started.push(marimba);
  return marimba;
}

/** What it wrote may be on its way. */
const logs = (marimba: Marimba, line: RegExp) => eventually(() => expect(marimba.stderr).toMatch(line));

const maskOf = (status: string) =>
  /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${status}/status`, "utf8"))![1]!;
/** The last CPU that this test may use: ONNX Runtime left the mask of the first ones unnoticed. */
const CPU = /\d+$/.exec(maskOf("self"))![0];

describe("marimba serve with one CPU (taskset)", () => {
  it("uses one thread, says so, and leaves the CPU with none of its threads", async () => {
    const marimba = serve(["taskset", "-c", CPU]);
    const address = await marimba.address();
    expect(await ready(address, 200)).toEqual({ status: "ready", threads: 1 });
    await logs(marimba, /"threads":1,"cores":1,/);
    // Once an image was encoded, Node's pool and libvips have all their threads, too.
    await bytes(generate(address, { class: 0 }));
    const { pid } = marimba.process;
    const threads = readdirSync(`/proc/${pid}/task`);
    expect(new Set(threads.map((thread) => maskOf(`${pid}/task/${thread}`)))).toEqual(new Set([CPU]));
  });

  it("obeys THREADS and warns that it is too large", async () => {
    const marimba = serve(["taskset", "-c", CPU], { THREADS: "3" });
    expect(await ready(await marimba.address(), 200)).toEqual({ status: "ready", threads: 3 });
    await logs(marimba, /THREADS is 3, more than the cores that this process may use \(1\)/);
  });
});

/** The folder of a new cgroup for one controller, of version 1 or 2; undefined where this process may not make one. */
function makeCgroup(controller: string, limits: Readonly<Record<string, string>>): string | undefined {
  for (const parent of [`/sys/fs/cgroup/${controller}`, "/sys/fs/cgroup"]) {
    const cgroup = join(parent, `marimba-test-${process.pid}`);
    try {
      mkdirSync(cgroup);
      for (const [file, limit] of Object.entries(limits))
        if (readdirSync(cgroup).includes(file)) writeFileSync(join(cgroup, file), limit);
      return cgroup;
    } catch {}
  }
  return undefined;
}

const MEMORY = String(300 * 2 ** 20);
const cgroups = [
  makeCgroup("cpu", { "cpu.cfs_quota_us": "150000", "cpu.max": "150000 100000" }),
  makeCgroup("memory", { "memory.limit_in_bytes": MEMORY, "memory.max": MEMORY }),
];
afterAll(async () => {
  for (const cgroup of new Set(cgroups)) if (cgroup) await eventually(() => rmdirSync(cgroup));
});

// Elsewhere, test/engine/runtime/allowance.test.ts reads recorded files instead.
if (cgroups.every((cgroup) => cgroup !== undefined))
  describe("marimba serve in a cgroup", () => {
    it("follows the CPU quota, and takes no larger batch than the memory limit allows", async () => {
      const join = cgroups.map((cgroup) => `echo $$ >${cgroup}/cgroup.procs`).join(" && ");
      const demo = { MODELS_DIR: "", MODELS: "demo", MAX_BATCH: "1024" };
      const marimba = serve(["sh", "-c", `${join} && exec "$0" "$@"`], demo);
      const address = await marimba.address();
      expect(await ready(address, 200)).toEqual({ status: "ready", threads: 1 });
      await logs(marimba, /"threads":1,"cores":1,"memoryMiB":300,/);
      await logs(marimba, /MAX_BATCH is 1024, but memory holds only \d+ images/);
      expect((await generate(address, { class: 0 })).status).toBe(200);
    });
  });
