// npm run test:container [-- TIMES]: builds the container image and runs docker-compose.yml in containers, TIMES in a row (once
// by default). It needs root and Debian's packages for containers, but no Docker and no registry of images.
import { existsSync } from "node:fs";
import { readTimes, runLongForm } from "./long-form.js";
import { ensurePythonEnvironment } from "./python.js";

/** What the tests run, and the Debian package that has it. */
const NEEDED = {
  "/usr/bin/podman": "podman",
  "/usr/sbin/runc": "runc",
  "/usr/lib/podman/netavark": "netavark",
  "/usr/lib/podman/aardvark-dns": "aardvark-dns",
  "/usr/sbin/iptables": "iptables",
  "/usr/libexec/podman/catatonit": "catatonit",
  "/usr/bin/mmdebstrap": "mmdebstrap",
};

const times = readTimes("npm run test:container");
const missing = Object.keys(NEEDED).filter((file) => !existsSync(file));
if (missing.length > 0) {
  const packages = missing.map((file) => NEEDED[file]).join(" ");
  console.error(
    `The tests of containers need ${missing.join(", ")}. Debian has them: apt-get install --no-install-recommends ${packages}`,
  );
  process.exit(1);
}
if (process.getuid() !== 0) {
  console.error("The tests of containers need root, because they set up networks and memory limits.");
  process.exit(1);
}
if (!ensurePythonEnvironment()) process.exit(1);
runLongForm({
  name: "container",
  times,
  tests: ["test/container/running", "--no-file-parallelism"],
  env: { CONTAINER: "run" },
});
