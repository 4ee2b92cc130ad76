import type { FastifyReply } from "fastify";
import { PROBLEMS } from "../../errors.js";

/** nginx's status for a client that hung up before its answer began. */
const HUNG_UP_STATUS = 499;

/**
 * Calls back once, when the answer is out or its client gone, with the answer's status. A stream that failed after its
 * head, a 200, was sent has the status of its problem.
 */
export function onEnd({ raw, request }: FastifyReply, callback: (status: number) => void): void {
  let hasEnded = false;
  const end = (status: number) => {
    if (hasEnded) return;
    hasEnded = true;
    callback(status);
  };
  const status = () => (request.problemCode === undefined ? raw.statusCode : PROBLEMS[request.problemCode].status);
  raw.once("finish", () => end(status()));
  raw.once("close", () => end(raw.headersSent ? status() : HUNG_UP_STATUS));
}
