import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Files of a certificate of 127.0.0.1 that signed itself, and of its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes one in a folder, by Debian's openssl. */
export function makeCertificate(folder: string, name: string): Certificate {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", files.key];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = spawnSync("openssl", ["req", "-x509", "-days", "2", ...key, "-out", files.certificate, ...subject]);
  if (made.status !== 0) throw new Error(`openssl can't make a certificate: ${made.error ?? made.stderr}`);
  return files;
}

/** A redis-server's settings to speak TLS, and nothing else, on this port. */
export function tlsSettings(port: number, { certificate, key }: Certificate, authClients = "no"): string[] {
  const files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
  return ["--port", "0", "--tls-port", String(port), ...files, "--tls-auth-clients", authClients];
}
