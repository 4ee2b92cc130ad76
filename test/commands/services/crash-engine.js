// Preloaded (NODE_OPTIONS=--import) into a process under test: SIGUSR2 makes its engine threads throw.
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

const engines = new Set();
threads.Worker = class extends threads.Worker {
  constructor(file, options) {
    super(file, options);
    if (options?.name !== "marimba-engine") return;
    engines.add(this);
    this.once("exit", () => engines.delete(this));
  }
};
syncBuiltinESMExports();

process.on("SIGUSR2", () => {
  // A message that is none.
  for (const engine of engines) engine.postMessage(undefined);
});
