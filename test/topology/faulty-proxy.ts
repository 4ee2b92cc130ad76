import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A relay whose connections a test can sever or freeze, as a bad network would. */
export class FaultyProxy {
  readonly #server: Server;
  /** Every open socket, with the one that it is relayed to unless it is frozen. */
  readonly #peers = new Map<Socket, Socket | undefined>();

  /** The target's address, such as http://127.0.0.1:8080. */
  constructor(private readonly target: string) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((client) => {
      const service = connect(Number(port), hostname);
      this.#keep(client, service);
      this.#keep(service, client);
      client.pipe(service).pipe(client);
    });
  }

  #keep(socket: Socket, peer: Socket): void {
    this.#peers.set(socket, peer);
    socket.on("error", () => {});
    socket.on("close", () => {
      // pipe() passes an end on, but no reset.
      if (!socket.readableEnded) this.#peers.get(socket)?.destroy();
      this.#peers.delete(socket);
    });
  }

  /** The target's address with the relay's own host and port. */
  async address(): Promise<string> {
    if (!this.#server.listening) await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return this.target.replace(/\/\/[^/]+/, `//127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  /** Ends all connections; new ones are relayed. */
  sever(): void {
    for (const socket of this.#peers.keys()) socket.destroy();
  }

  /** Leaves all connections open, but passes nothing on; new ones are relayed. */
  freeze(): void {
    for (const socket of this.#peers.keys()) {
      socket.unpipe().pause();
      this.#peers.set(socket, undefined);
    }
  }

  async close(): Promise<void> {
    this.sever();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}
