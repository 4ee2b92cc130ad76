import { exampleKey } from "../api/access/example-keys.js";
import { Marimba } from "../commands/marimba.js";

/** A server as a user starts it, with the embedded model; it asks for `key`. */
export async function runningService(environment: Readonly<Record<string, string>> = {}) {
  const { key, line } = exampleKey("tests");
  const marimba = new Marimba(["serve"], { API_KEYS: line, MODELS: "demo", LOG_LEVEL: "warn", ...environment });
  const address = await marimba.address();
  await marimba.prints(/^Ready\./m);
  const stop = async () => {
    marimba.kill("SIGTERM");
    await marimba.ended;
  };
  /** What the server itself answers: the bytes that a client's must equal. */
  const image = async (body: object): Promise<Buffer> => {
    const response = await fetch(`${address}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png", authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return Buffer.from(await response.arrayBuffer());
  };
  return { address, key, marimba, stop, image };
}
