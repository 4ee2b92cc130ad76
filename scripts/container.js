// npm run test:container [-- TIMES]: builds the container image and runs docker-compose.yml in containers, TIMES in a row (once
// by default). It needs root and Debian's packages for containers, but no Docker and no registry of images.
import { readTimes, runLongForm } from "./long-form.js";
import { whyNoContainer } from "./podman.js";
import { ensurePythonEnvironment } from "./python.js";

const times = readTimes("npm run test:container");
const obstacle = whyNoContainer();
if (obstacle) {
  console.error(`The tests of containers can't run. ${obstacle}`);
  process.exit(1);
}
if (!ensurePythonEnvironment()) process.exit(1);
runLongForm({
  name: "container",
  times,
  tests: ["test/container/running", "--no-file-parallelism"],
  env: { CONTAINER: "run" },
});
