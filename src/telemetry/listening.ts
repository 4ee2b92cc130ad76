/** Listening failed; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export type PortVariable = "PORT" | "WORKER_PORT" | "METRICS_PORT";

/** Explains why `listen` failed; `variable` is the setting that holds the port. */
export function listenError(error: unknown, host: string, port: number, variable: PortVariable): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    EADDRINUSE: `another process already does; set ${variable} to a free port (0 picks one)`,
    EACCES: `this user is not allowed to; set ${variable} to 1024 or above`,
    EADDRNOTAVAIL: "HOST is not an address of this machine",
    ENOTFOUND: "HOST is not a known name",
  };
  return new ListenError(`Can't listen on ${host}:${port}: ${reasons[code ?? ""] ?? message}.`, { cause: error });
}

/** An address to open in a browser: for 0.0.0.0 and ::, the loopback address. */
export function browsableAddress(host: string, port: number): string {
  return `http://${browsableHost(host)}:${port}`;
}

/** The address to print at start; it mentions if the server listens on all addresses. */
export function describeAddress(address: string, host: string): string {
  return isEveryAddress(host) ? `${address} (and on all other addresses of this machine)` : address;
}

/** 0.0.0.0 and ::, however they are written. */
function isEveryAddress(host: string): boolean {
  return /^[0.:]+$/.test(host);
}

function browsableHost(host: string): string {
  if (isEveryAddress(host)) return host.includes(":") ? "[::1]" : "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Whether a server that listens there can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
