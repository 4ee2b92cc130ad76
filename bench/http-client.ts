import { Agent, type IncomingMessage, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** From the call to the last byte of the answer. */
  readonly ms: number;
  /** The terms of `Server-Timing`, in milliseconds, by name. */
  readonly timing: Readonly<Record<string, number>>;
}

/** Keeps one connection open for each concurrent request, as a real client would. */
export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(private readonly address: string) {}

  async get(path: string): Promise<Answer> {
    return this.#exchange("GET", path);
  }

  /** `POST /generate`, waiting for the image; rejects on any other answer. */
  async image(body: unknown): Promise<Answer> {
    const answer = await this.#exchange("POST", "/generate", JSON.stringify(body));
    if (answer.status !== 200) throw new Error(`/generate answered ${answer.status}: ${answer.body.toString()}`);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: string, path: string, body?: string): Promise<Answer> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { accept: "image/png", "content-type": "application/json" };
      const outgoing = request(new URL(path, this.address), { agent: this.#agent, method, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk) => chunks.push(chunk)).on("error", reject);
        incoming.on("end", () => {
          const ms = performance.now() - startMs;
          resolve({ status: incoming.statusCode!, body: Buffer.concat(chunks), ms, timing: readTiming(incoming) });
        });
      });
      outgoing.on("error", reject).end(body);
    });
  }
}

function readTiming(incoming: IncomingMessage): Record<string, number> {
  const header = String(incoming.headers["server-timing"] ?? "");
  const terms = [...header.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name!, Number(ms)] as const);
  return Object.fromEntries(terms);
}
