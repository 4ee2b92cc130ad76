import { randomUUID } from "node:crypto";
import { type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { Problem } from "../../errors.js";
import { PROBLEM_TYPE, problemDocument } from "./problem-document.js";

/**
 * Answers input that never became a request: malformed HTTP, oversized headers, a request that does not arrive in time.
 * Returns the problem it answered with, or undefined if the client is gone.
 */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): Problem | undefined {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const problem = problemOf(error.code);
  const id = randomUUID();
  const body = JSON.stringify(problemDocument(problem, id));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroySoon());
  return problem;
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new Problem("header_too_large", "The request line and the headers together are too long.");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new Problem("body_too_large", "The body's chunk extensions are too long.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new Problem("request_timeout", "The request did not arrive in time.");
    default:
      return new Problem("invalid_request", "The request is not valid HTTP/1.1 (RFC 9112).");
  }
}

/** Ignores an unknown `Expect` header, as RFC 9110 (10.1.1) allows; Node would answer 417 without a body. */
export function ignoreExpectations(server: Server): void {
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}
