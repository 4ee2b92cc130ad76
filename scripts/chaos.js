// npm run test:chaos [-- TIMES]: the chaos tests and others in their long form, TIMES in a row (once by default).
import { readTimes, runLongForm } from "./long-form.js";

runLongForm({
  name: "chaos",
  times: readTimes("npm run test:chaos"),
  tests: ["test/chaos", "test/proxies", "demo/sweep.test", "sentinel.test", "commands/webgpu.test", "bench/gpu.test"],
  env: { CHAOS: "long" },
});
