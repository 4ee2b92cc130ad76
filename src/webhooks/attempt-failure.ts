const NO_NAME = new Set(["ENOTFOUND", "ENODATA"]);
const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL"]);
const CUT_OFF = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
/** Codes of OpenSSL and Node for certificate errors. */
const CERTIFICATE =
  /CERT|^(UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|CRL_)/;

/**
 * Why an attempt got no response: a sentence for the log and a code such as ECONNREFUSED. Node's own messages contain the
 * host, which is as secret as the rest of a webhook's address.
 */
export function describeAttemptFailure(error: unknown): string {
  const { name, code, syscall = "" } = error as NodeJS.ErrnoException;
  const known = typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
  const sentence = sentenceFor(name, known ?? "", syscall);
  return known === undefined || known === "ABORT_ERR" ? `${sentence}.` : `${sentence} (${known}).`;
}

function sentenceFor(name: string, code: string, syscall: string): string {
  if (name === "TimeoutError" || code === "ABORT_ERR" || code === "ETIMEDOUT")
    return "The receiver did not respond in time";
  if (NO_NAME.has(code)) return "The host name does not resolve";
  if (/^(query|getaddrinfo)/.test(syscall)) return "The name servers did not answer";
  if (code === "ECONNREFUSED") return "The receiver does not accept connections";
  if (UNREACHABLE.has(code)) return "The receiver's network is not reachable";
  if (CUT_OFF.has(code)) return "The receiver closed the connection without a response";
  if (CERTIFICATE.test(code)) return "The receiver's certificate is not valid";
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return "The TLS handshake failed";
  if (code.startsWith("HPE_")) return "The receiver's response is not HTTP";
  return "The webhook could not be sent";
}
