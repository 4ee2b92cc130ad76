import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A relay whose connections a test can sever or freeze, as a bad network would. */
export class FaultyProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** The target's address, such as http://127.0.0.1:8080. */
  constructor(private readonly target: string) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((client) => {
      const service = connect(Number(port), hostname);
      for (const socket of [client, service]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
      }
      client.pipe(service).pipe(client);
    });
  }

  /** The target's address with the relay's own host and port. */
  async address(): Promise<string> {
    if (!this.#server.listening) await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return this.target.replace(/\/\/[^/]+/, `//127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  /** Ends all connections; new ones are relayed. */
  sever(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Leaves all connections open, but passes nothing on; new ones are relayed. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    this.sever();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}
