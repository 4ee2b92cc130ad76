import { gzipSync } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Shorter texts gain nothing. */
const LEAST_CHARACTERS = 2048;

export function takesGzip({ headers }: FastifyRequest): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(String(headers["accept-encoding"] ?? ""));
}

/** `onSend` of a route whose JSON can be long: compressed for clients that accept gzip. */
export async function compressJson(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (typeof payload !== "string") return payload;
  reply.header("Vary", "Accept-Encoding");
  if (payload.length < LEAST_CHARACTERS || !takesGzip(request)) return payload;
  reply.header("Content-Encoding", "gzip");
  return gzipSync(payload);
}
