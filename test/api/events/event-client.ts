import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

export interface SentEvent {
  readonly name: string;
  readonly id?: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the server sends is what the tests look into.
  readonly data: any;
}

/** A client of one event stream over a socket of its own, which keeps all that comes. */
export class EventClient {
  readonly events: SentEvent[] = [];
  readonly comments: string[] = [];
  retryMs: number | undefined;
  /** True once the stream ended as HTTP ends a body; false when it broke off. */
  readonly ended: Promise<boolean>;
  #text = "";
  #told = new Set<() => void>();

  constructor(readonly response: IncomingMessage) {
    response.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.ended = new Promise((resolve) =>
      response.on("error", () => {}).once("close", () => resolve(response.complete)),
    );
  }

  get names(): string[] {
    return this.events.map(({ name }) => name);
  }

  get status(): number {
    return this.response.statusCode!;
  }

  /** Resolves with the first event, of those that came and those to come, that fits. */
  async event(fits: (event: SentEvent) => boolean | undefined): Promise<SentEvent> {
    for (;;) {
      const found = this.events.find(fits);
      if (found) return found;
      await new Promise<void>((resolve, reject) => {
        this.#told.add(resolve);
        void this.ended.then(() => reject(new Error(`The stream ended after ${this.names.join(", ")}.`)));
      });
    }
  }

  named(name: string): Promise<SentEvent> {
    return this.event((event) => event.name === name);
  }

  close(): void {
    this.response.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#text + text).split("\n\n");
    this.#text = blocks.pop()!;
    for (const block of blocks) this.#readBlock(block);
    for (const tell of this.#told) tell();
    this.#told.clear();
  }

  #readBlock(block: string): void {
    const fields = new Map(
      block.split("\n").map((line) => /^([^:]*): ?(.*)$/s.exec(line)!.slice(1) as [string, string]),
    );
    const comment = fields.get("");
    if (comment !== undefined) this.comments.push(comment);
    if (fields.has("retry")) this.retryMs = Number(fields.get("retry"));
    const name = fields.get("event");
    if (name === undefined) return;
    const id = fields.has("id") ? { id: Number(fields.get("id")) } : {};
    this.events.push({ name, ...id, data: JSON.parse(fields.get("data")!) });
  }
}

/** Opens the stream; resolves with its head. */
export async function openEvents(port: number, path: string, headers: Record<string, string> = {}) {
  const request = get({ host: "127.0.0.1", port, path, headers, agent: false });
  const [response] = await once(request, "response");
  // Once there is an answer, a connection that breaks is the response's to tell.
  request.on("error", () => {});
  return new EventClient(response);
}
