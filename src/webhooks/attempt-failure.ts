const NO_NAME = new Set(["ENOTFOUND", "ENODATA"]);
const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL"]);
const CUT_OFF = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
/** What OpenSSL and Node call faults of a certificate. */
const CERTIFICATE =
  /CERT|^(UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|CRL_)/;

/**
 * Why an attempt came to no answer, in a sentence for the log and a code such as ECONNREFUSED. Node's own messages hold the
 * name or the address that was asked for, which is as secret as the rest of a webhook's address.
 */
export function describeAttemptFailure(error: unknown): string {
  const { name, code, syscall = "" } = error as NodeJS.ErrnoException;
  const known = typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
  const sentence = sentenceFor(name, known ?? "", syscall);
  return known === undefined || known === "ABORT_ERR" ? `${sentence}.` : `${sentence} (${known}).`;
}

function sentenceFor(name: string, code: string, syscall: string): string {
  if (name === "TimeoutError" || code === "ABORT_ERR" || code === "ETIMEDOUT") return "There was no answer in time";
  if (NO_NAME.has(code)) return "Its name does not resolve";
  if (/^(query|getaddrinfo)/.test(syscall)) return "No name server told its address";
  if (code === "ECONNREFUSED") return "Nothing accepts connections there";
  if (UNREACHABLE.has(code)) return "Its network can't be reached";
  if (CUT_OFF.has(code)) return "The connection was cut off before an answer";
  if (CERTIFICATE.test(code)) return "Its certificate is not accepted";
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return "No TLS connection came about";
  if (code.startsWith("HPE_")) return "Its answer is not HTTP";
  return "It could not be sent";
}
