import type { AddressInfo } from "node:net";
import type { Api } from "./app.js";

/** The address can't be listened on; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Listens and returns the address for people, such as `http://127.0.0.1:8080`. Throws `ListenError`. */
export async function listen(app: Api, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ListenError(`Can't listen on ${host}:${port}: ${REASONS[code ?? ""] ?? message}.`, { cause: error });
  }
  const bound = app.server.address() as AddressInfo;
  return `http://${browsable(host)}:${bound.port}`;
}

const REASONS: Record<string, string> = {
  EADDRINUSE: "another process does already; set PORT to a free one (0 takes any)",
  EACCES: "this user may not; set PORT to 1024 or above",
  EADDRNOTAVAIL: "HOST is no address of this machine",
  ENOTFOUND: "HOST is no known name",
};

/** "Every address" is no address to open: the loopback one is. */
function browsable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
