/** Codes of Node and OpenSSL for a certificate that is not trusted. */
const UNTRUSTED = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;

/** How a message of ioredis begins. */
const ALL_SENTINELS = /^All sentinels are unreachable/;

/** What is wrong and what would be right, for a connection that failed for a reason that will not pass. */
export function refusalOf(error: Error): string | undefined {
  const { message } = error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  // One of several may still answer.
  if (ALL_SENTINELS.test(message)) return undefined;
  if (/NOAUTH/.test(message)) return "requires a password; REDIS_URL must contain the right user and password.";
  if (/WRONGPASS|NOPERM|invalid password/i.test(message)) {
    return "rejects the user or password; REDIS_URL must contain the right ones.";
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
  redisUrl: string,
  { connections, lastError, isMasterUnknown }: Attempts,
): string | undefined {
  if (isMasterUnknown) return "its sentinels know no master of this name";
  const { message = "", code } = (lastError ?? {}) as NodeJS.ErrnoException;
  if (ALL_SENTINELS.test(message)) {
    const [, reason] = /Last error: (?!Connection is closed)(.*)$/.exec(message) ?? [];
    return reason ? `no sentinel answers as it should: ${reason}` : "no sentinel answers";
  }
  const isSecure = redisUrl.startsWith("rediss:");
  if (connections > 1 && (!code || code === "ECONNRESET" || code === "EPIPE")) {
    const guess = isSecure
      ? "requires a client certificate, which Marimba does not have"
      : "speaks TLS, which needs rediss://";
    return `it closes every connection: perhaps it ${guess}`;
  }
  if (connections === 0 && isSecure && (!code || code === "ETIMEDOUT")) {
    return "it does not answer over TLS: perhaps it speaks plain TCP, which needs redis://";
  }
  return lastError && (message.split("\n")[0] || code);
}
