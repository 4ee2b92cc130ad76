import { startDistributed } from "../topology/topology.js";
import { summarise } from "./answers.js";
import { defaultBody } from "./bodies.js";
import { runClosedLoop } from "./closed-loop.js";

const s = await startDistributed(1, 1, { ENGINE: "null", RESULT_TTL_S: "10", NODE_OPTIONS: process.env.PROF ?? "" });
const go = async (seconds: number) => {
  const t0 = performance.now();
  const a = await runClosedLoop({ address: s.addresses[0]!, connections: 64, seconds, body: defaultBody });
  const x = summarise(a, (performance.now() - t0) / 1000);
  console.error(x.perSecond.toFixed(0), x.latencyMs);
};
await go(3);
await go(6);
console.error(
  (await s.redis!.info("commandstats"))
    .split("\n")
    .filter((l) => /usec=\d{6,}/.test(l))
    .join("\n"),
);
await s.stop();
