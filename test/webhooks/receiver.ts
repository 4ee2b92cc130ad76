import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { ResolvedAddress } from "../../src/webhooks/target.js";

/** What a name resolves to. */
export const addresses = (...list: string[]): ResolvedAddress[] =>
  list.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on loopback that keeps what it was sent, and counts every connection. */
export class Receiver {
  readonly received: Received[] = [];
  connections = 0;
  readonly #server: Server;
  /** What it answers; 204 by default. */
  answer: (response: ServerResponse, received: Received) => void = (response) => response.writeHead(204).end();

  private constructor() {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const received = { path: request.url!, headers: request.headers, body };
      this.received.push(received);
      this.answer(response, received);
    });
    this.#server.on("connection", () => this.connections++);
  }

  static async listen(port = 0, host = "127.0.0.1"): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(port, host);
    await once(receiver.#server, "listening");
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The event, when the specification's own library finds it well signed; throws else. */
export function verified({ headers, body }: Received, secret: string): { type: string; data: Record<string, unknown> } {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as ReturnType<typeof verified>;
}
