import type { AddressInfo } from "node:net";
import { browsableAddress, listenError } from "../telemetry/listening.js";
import type { Api } from "./deps.js";

/** Listens and returns the address for people, such as `http://127.0.0.1:8080`. Throws `ListenError`. */
export async function listen(app: Api, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` });
  } catch (error) {
    throw listenError(error, host, port, "PORT");
  }
  const bound = app.server.address() as AddressInfo;
  return browsableAddress(host, bound.port);
}
