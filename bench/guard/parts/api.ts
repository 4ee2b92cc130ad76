import type { LightMyRequestResponse } from "fastify";
import { pino } from "pino";
import { Registry } from "prom-client";
import { buildApp } from "../../../src/api/app.js";
import { loadConfig } from "../../../src/config.js";
import { requestBody } from "../../workload.js";
import { finishedImage, openLocalQueue } from "./jobs.js";
import type { OpenPart } from "./part.js";

/** Requests from the parsed head to the answer's last byte, over the queue of this process; sockets are Node's part. */
export const open: OpenPart = async ({ manifest, models }) => {
  const queue = openLocalQueue();
  await queue.start([manifest.name], 24, async () => finishedImage);
  const logger = pino({ level: "info" }, { write: () => {} });
  const readiness = () => ({ ready: true });
  const app = await buildApp({ config: loadConfig(), queue, models, readiness, logger, registry: new Registry() });
  return {
    async image(index) {
      const call = { method: "POST", url: "/generate", payload: requestBody(index, manifest) } as const;
      const waited = await answered(app.inject({ ...call, headers: { accept: "image/png" } }), 200);
      const { id } = (await answered(app.inject(call), 202)).json() as { id: string };
      await answered(app.inject(`/jobs/${id}`), 200);
      await answered(app.inject(`/jobs/${id}/images/0`), 200);
      // As in `finishJob`.
      for (const done of [id, String(waited.headers["marimba-job"])]) await queue.delete(done);
    },
  };
};

async function answered(call: Promise<LightMyRequestResponse>, status: number): Promise<LightMyRequestResponse> {
  const answer = await call;
  if (answer.statusCode === status) return answer;
  throw new Error(`A request of the guard was answered ${answer.statusCode} instead of ${status}: ${answer.body}`);
}
