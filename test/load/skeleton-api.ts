// The least that Fastify and BullMQ can do: a route that adds a job, waits for its end and answers the image's bytes.
// No cap, no events for clients, no logs, no validation: what the load test holds the real service against.
import { Queue, QueueEvents } from "bullmq";
import fastify from "fastify";
import { Redis } from "ioredis";

const port = Number(process.argv[2]);
const connection = () => new Redis(port, "127.0.0.1", { maxRetriesPerRequest: null });
const queue = new Queue("skeleton", { connection: connection() });
const events = new QueueEvents("skeleton", { connection: connection() });
const results = new Redis(port, "127.0.0.1");
await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);

const app = fastify({ logger: false });
app.post("/generate", async (request, reply) => {
  const job = await queue.add("image", request.body, { removeOnComplete: true, removeOnFail: true });
  const key = await waitUntilCompleted(job.id!);
  const png = await results.getBuffer(key);
  return reply.type("image/png").send(png);
});

/** `job.waitUntilFinished` without the job's own record, which is removed as it completes. */
const waiting = new Map<string, (key: string) => void>();
const early = new Map<string, string>();
events.on("completed", ({ jobId, returnvalue }) => {
  const resolve = waiting.get(jobId);
  waiting.delete(jobId);
  if (resolve) resolve(returnvalue);
  else early.set(jobId, returnvalue);
});
function waitUntilCompleted(id: string): Promise<string> {
  const key = early.get(id);
  early.delete(id);
  return key === undefined ? new Promise((resolve) => waiting.set(id, resolve)) : Promise.resolve(key);
}

const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`ready ${address}\n`);
process.on("SIGTERM", () => process.exit(0));
