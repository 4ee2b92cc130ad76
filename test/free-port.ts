import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that the system gives to whoever asks for any: between looking and using, one of those may be taken. */
const FIRST = 15_000;
const COUNT = 17_000;

/** A port that nobody on this machine listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(COUNT * Math.random());
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
