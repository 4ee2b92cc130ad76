import type { FastifyReply } from "fastify";

/** nginx's status for a client that hung up before its answer began. */
const HUNG_UP_STATUS = 499;

/** Calls back once, when the answer is out or its client gone, with the answer's status. */
export function onEnd({ raw }: FastifyReply, callback: (status: number) => void): void {
  let hasEnded = false;
  const end = (status: number) => {
    if (hasEnded) return;
    hasEnded = true;
    callback(status);
  };
  raw.once("finish", () => end(raw.statusCode));
  raw.once("close", () => end(raw.headersSent ? raw.statusCode : HUNG_UP_STATUS));
}
