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

function browsableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
