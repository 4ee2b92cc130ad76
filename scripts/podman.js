// Podman, which the tests of containers use: what it needs, and whether it can run containers here.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the tests of containers run, and the Debian package that has it. */
const PROGRAMS = {
  "/usr/bin/podman": "podman",
  "/usr/sbin/runc": "runc",
  "/usr/lib/podman/netavark": "netavark",
  "/usr/lib/podman/aardvark-dns": "aardvark-dns",
  "/usr/sbin/iptables": "iptables",
  "/usr/libexec/podman/catatonit": "catatonit",
  "/usr/bin/mmdebstrap": "mmdebstrap",
  "/usr/bin/cc": "gcc",
};

/** runc runs where the host mounts both versions of cgroups, and crun does not. */
const SETTINGS = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
[network]
network_backend = "netavark"
`;

/** Writes a program into the folder that is a Podman with images and containers of its own there. Returns its path. */
export function writePodman(folder) {
  mkdirSync(folder, { recursive: true });
  const settings = join(folder, "containers.conf");
  writeFileSync(settings, SETTINGS);
  const program = join(folder, "podman");
  const store = `--root "${join(folder, "storage")}" --runroot "${join(folder, "run")}"`;
  writeFileSync(program, `#!/bin/sh\nCONTAINERS_CONF="${settings}" exec podman ${store} "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

/** Debian's packages for containers that this machine lacks. */
export function missingContainerPackages() {
  return Object.keys(PROGRAMS)
    .filter((file) => !existsSync(file))
    .map((file) => PROGRAMS[file]);
}

/** Why no container can run here, with a network and a memory limit: a sentence; undefined where one can. */
export function whyNoContainer() {
  if (process.platform !== "linux" || process.arch !== "x64") return "Their images are built for Linux on x64.";
  if (process.getuid() !== 0) return "They need root, because they set up networks and memory limits.";
  const missing = missingContainerPackages();
  if (missing.length > 0)
    return `Packages are missing; Debian has them: apt-get install --no-install-recommends ${missing.join(" ")}`;
  const folder = mkdtempSync(join(tmpdir(), "marimba-podman-"));
  try {
    // The files of this machine take the place of an image's; what the container writes to them is thrown away.
    const container = ["run", "--rm", "--memory", "64m", "--publish", "127.0.0.1::80", "--rootfs", "/:O", "/bin/true"];
    const { status, stderr } = spawnSync(writePodman(folder), container, { encoding: "utf8" });
    return status === 0 ? undefined : `Podman can't run a container here: ${stderr.trim()}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
