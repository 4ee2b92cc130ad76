import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";

/*
 * What the operating system lets this process use. On Linux, an affinity mask (taskset, cpusets) and the cgroups of a
 * container or a service limit it. ONNX Runtime looks at neither: it counts the machine's cores, and pins its threads to
 * them. Node.js 20 knows the mask, but no quota. In tests, `root` is a folder with recorded files of /proc and /sys.
 */

/** The number of cores: the physical ones of the affinity mask or, if that is less, the CPU quota rounded down; at least 1. */
export function usableCores(root = "/"): number {
  const quota = lowestLimit(root, "cpu", (read) => {
    // Version 2 has "QUOTA PERIOD" in microseconds, where QUOTA may be "max"; version 1 has two files, and -1.
    const text = read("cpu.max") ?? `${read("cpu.cfs_quota_us")} ${read("cpu.cfs_period_us")}`;
    const [used, period] = text.split(" ").map(Number);
    return used! > 0 ? used! / period! : undefined;
  });
  return Math.max(1, Math.min(coresOfMask(root), Math.floor(quota)));
}

/** Bytes of memory: the machine's or, if that is less, the limit of the cgroups. Above it, Linux kills a process. */
export function usableMemory(root = "/"): number {
  const limit = lowestLimit(root, "memory", (read) => {
    const bytes = Number(read("memory.max") ?? read("memory.limit_in_bytes"));
    return bytes > 0 ? bytes : undefined;
  });
  return Math.min(totalmem(), limit);
}

/** Logical CPUs of one physical core count once, as for ONNX Runtime: its products gain little from the second. */
function coresOfMask(root: string): number {
  const [, mask = ""] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readText(root, "proc/self/status") ?? "") ?? [];
  const cores = new Set<string>();
  for (const range of mask.split(",")) {
    const [first, last = first] = range.split("-").map(Number);
    for (let cpu = first!; cpu <= last!; cpu++) {
      // The mask may name CPUs that the machine could have but does not; they have no such file.
      const core = readText(root, `sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`);
      if (core !== undefined) cores.add(core);
    }
  }
  return cores.size || availableParallelism();
}

type ReadLimit = (read: (file: string) => string | undefined) => number | undefined;

/** The lowest limit over this process's cgroups and their parents, in either version; Infinity without one. */
function lowestLimit(root: string, controller: "cpu" | "memory", limitIn: ReadLimit): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const { mountPoint, path } of cgroupsOf(root, controller)) {
    for (let folder = path; ; folder = dirname(folder)) {
      const limit = limitIn((file) => readText(root, mountPoint, folder, file));
      if (limit !== undefined) lowest = Math.min(lowest, limit);
      if (folder === "/") break;
    }
  }
  return lowest;
}

/** Where this process's cgroups are mounted, and their paths below, as proc_pid_mountinfo(5) and cgroups(7) describe. */
function cgroupsOf(root: string, controller: string): { mountPoint: string; path: string }[] {
  const paths = new Map<string, string>();
  for (const line of lines(root, "proc/self/cgroup")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of controllers?.split(",") ?? []) paths.set(name, path!);
  }
  return lines(root, "proc/self/mountinfo").flatMap((line) => {
    const [mount, source = ""] = line.split(" - ");
    const [, , , mountedPath = "/", mountPoint = "/"] = mount!.split(" ");
    const [type, , options = ""] = source.split(" ");
    if (type !== "cgroup2" && !(type === "cgroup" && options.split(",").includes(controller))) return [];
    const path = paths.get(type === "cgroup2" ? "" : controller);
    if (path === undefined) return [];
    // In a container, only a part of the hierarchy is mounted: that of the container.
    const base = mountedPath === "/" ? "" : mountedPath;
    return [{ mountPoint, path: path.startsWith(`${base}/`) ? path.slice(base.length) : "/" }];
  });
}

function lines(root: string, file: string): string[] {
  return readText(root, file)?.split("\n") ?? [];
}

/** Without the line's end; undefined where there is no such file. */
function readText(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), "utf8").trim();
  } catch {
    return undefined;
  }
}
