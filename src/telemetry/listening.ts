/** The address can't be listened on; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export type PortVariable = "PORT" | "WORKER_PORT" | "METRICS_PORT";

/** What a failed `listen` means; `variable` is the one that holds the port. */
export function listenError(error: unknown, host: string, port: number, variable: PortVariable): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    EADDRINUSE: `another process does already; set ${variable} to a free one (0 takes any)`,
    EACCES: `this user may not; set ${variable} to 1024 or above`,
    EADDRNOTAVAIL: "HOST is no address of this machine",
    ENOTFOUND: "HOST is no known name",
  };
  return new ListenError(`Can't listen on ${host}:${port}: ${reasons[code ?? ""] ?? message}.`, { cause: error });
}

/** An address to open. "Every address" is none: the loopback one is. */
export function browsableAddress(host: string, port: number): string {
  return `http://${browsableHost(host)}:${port}`;
}

/** The address for who started the server: where all addresses are listened on, it says so. */
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

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
