// The skeleton's worker: encodes the null engine's image and stores it with a time to live.
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { openModelFolder } from "../../bench/model-folder.js";
import { imageRequest } from "../../bench/workload.js";
import { openNullEngine } from "../../src/engine/null-engine.js";
import { encodeImage, imageFacts } from "../../src/worker/encode-image.js";

const port = Number(process.argv[2]);
const { manifest, models } = await openModelFolder(process.argv[3]!);
const engine = openNullEngine(manifest, 16);
const results = new Redis(port, "127.0.0.1");
const request = imageRequest(0, models);

const worker = new Worker(
  "skeleton",
  async (job) => {
    const png = await encodeImage(await engine.generate(request), imageFacts(request, manifest));
    const key = `skeleton-result-${job.id}`;
    await results.set(key, Buffer.from(png), "EX", 30);
    return key;
  },
  { connection: new Redis(port, "127.0.0.1", { maxRetriesPerRequest: null }), concurrency: 24 },
);
await worker.waitUntilReady();
process.stdout.write("ready\n");
process.on("SIGTERM", () => process.exit(0));
