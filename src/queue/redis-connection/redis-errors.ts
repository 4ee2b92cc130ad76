/** Codes of Node and OpenSSL for a certificate that is not trusted. */
const UNTRUSTED = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;

/** How a message of ioredis begins. */
const ALL_SENTINELS = /^All sentinels are unreachable/;

/** Redis can't be used as it is: the end of a sentence that begins with its name. */
export class UnfitRedis extends Error {
  override readonly name = "UnfitRedis";
}

/** The command that Redis's user may not run, as an ACL names it, where the error says so. */
export function deniedCommand(error: unknown): string | undefined {
  return /^NOPERM .*run the '([^']+)/.exec((error as Error).message)?.[1]?.toLowerCase();
}

/** What is wrong and what would be right, for a connection that failed for a reason that will not pass. */
export function refusalOf(error: Error): string | undefined {
  const { message } = error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  // One of several may still answer.
  if (ALL_SENTINELS.test(message)) return undefined;
  if (/NOAUTH/.test(message)) return "requires a password; REDIS_URL must contain the right user and password.";
  const command = deniedCommand(error);
  if (command)
    return `does not let its user run ${command.toUpperCase().replace("|", " ")}; the user's ACL needs +${command}.`;
  if (/^NOPERM/.test(message)) {
    return "does not let its user use a key or channel; the user's ACL must allow all that begin with REDIS_PREFIX.";
  }
  if (/WRONGPASS|invalid password/i.test(message)) {
    return "rejects the user or password; REDIS_URL must contain the right ones.";
  }
  if (/^(CROSSSLOT|MOVED|CLUSTERDOWN)/.test(message)) {
    return "is a node of a cluster; REDIS_URL must begin with redis+cluster://, or rediss+cluster:// for TLS.";
  }
  if (/cluster support disabled/.test(message)) {
    return "is not a cluster; REDIS_URL must begin with redis://, or rediss:// for TLS.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "has a certificate for another host; REDIS_URL must name the host as its certificate does.";
  }
  if (UNTRUSTED.test(code)) {
    return `has a certificate that is not trusted (${message}); NODE_EXTRA_CA_CERTS must name the file with the certificate of its authority.`;
  }
  if (/alert.*certificate|certificate required/i.test(message)) {
    return "requires a client certificate, which Marimba does not have; set its tls-auth-clients to no or optional.";
  }
  if (/wrong version number|packet length too long/i.test(message)) {
    return "does not speak TLS; REDIS_URL must begin with redis://.";
  }
  return undefined;
}

/** The attempts to connect so far. */
export interface Attempts {
  connections: number;
  lastError?: Error;
  /** A sentinel answered that it knows no master of this name. */
  isMasterUnknown: boolean;
}

/** The likely reason why Redis could not be reached for some time, if there is a clue. */
export function likelyReason(
  isTls: boolean,
  { connections, lastError, isMasterUnknown }: Attempts,
): string | undefined {
  if (isMasterUnknown) return "its sentinels know no master of this name";
  const { message = "", code } = (lastError ?? {}) as NodeJS.ErrnoException;
  if (ALL_SENTINELS.test(message)) {
    const [, reason] = /Last error: (?!Connection is closed)(.*)$/.exec(message) ?? [];
    return reason ? `no sentinel answers as it should: ${reason}` : "no sentinel answers";
  }
  if (connections > 1 && (!code || code === "ECONNRESET" || code === "EPIPE")) {
    const guess = isTls
      ? "requires a client certificate, which Marimba does not have"
      : "speaks TLS, which needs rediss://";
    return `it closes every connection: perhaps it ${guess}`;
  }
  if (connections === 0 && isTls && (!code || code === "ETIMEDOUT")) {
    return "it does not answer over TLS: perhaps it speaks plain TCP, which needs redis://";
  }
  return lastError && (message.split("\n")[0] || code);
}
