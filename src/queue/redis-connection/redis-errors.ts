/** What a certificate can be that is not to be trusted, by Node's and OpenSSL's codes. */
const UNTRUSTED = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;

/** How ioredis begins. */
const ALL_SENTINELS = /^All sentinels are unreachable/;

/** What is wrong, and what would be right, where a connection failed for what trying again won't mend. */
export function refusalOf(error: Error): string | undefined {
  const { message } = error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  // One of several may still answer.
  if (ALL_SENTINELS.test(message)) return undefined;
  if (/NOAUTH/.test(message)) return "asks for a password; REDIS_URL must hold the right ones.";
  if (/WRONGPASS|NOPERM|invalid password/i.test(message)) {
    return "refuses the user or password; REDIS_URL must hold the right ones.";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "shows the certificate of another host; REDIS_URL must name the host as its certificate does.";
  }
  if (UNTRUSTED.test(code)) {
    return `shows a certificate that is not trusted (${message}); NODE_EXTRA_CA_CERTS must name the file of its authority's.`;
  }
  if (/alert.*certificate|certificate required/i.test(message)) {
    return "asks for a client's certificate, and Marimba has none; its tls-auth-clients must be no or optional.";
  }
  if (/wrong version number|packet length too long/i.test(message)) {
    return "does not speak TLS; REDIS_URL must begin with redis://.";
  }
  return undefined;
}

/** How connecting went so far. */
export interface Attempts {
  connections: number;
  lastError?: Error;
  /** A sentinel answered, and knows no master of the name. */
  isMasterUnknown: boolean;
}

/** Why a Redis that was tried for some time is likely not to be had, as far as that can be told. */
export function likelyReason(
  redisUrl: string,
  { connections, lastError, isMasterUnknown }: Attempts,
): string | undefined {
  if (isMasterUnknown) return "its sentinels know no master of this name";
  const { message = "", code } = (lastError ?? {}) as NodeJS.ErrnoException;
  if (ALL_SENTINELS.test(message)) {
    const [, told] = /Last error: (?!Connection is closed)(.*)$/.exec(message) ?? [];
    return told ? `none of its sentinels answers as it should: ${told}` : "none of its sentinels answers";
  }
  const isSecure = redisUrl.startsWith("rediss:");
  if (connections > 1 && (!code || code === "ECONNRESET" || code === "EPIPE")) {
    const guess = isSecure ? "asks for a client's certificate, and Marimba has none" : "speaks TLS, which is rediss://";
    return `it closes every connection: perhaps it ${guess}`;
  }
  if (connections === 0 && isSecure && (!code || code === "ETIMEDOUT")) {
    return "it does not answer over TLS: perhaps it speaks none, which is redis://";
  }
  return lastError && (message.split("\n")[0] || code);
}
