import { describe, expect, it } from "vitest";
import { openLogger } from "../../src/telemetry/logging.js";

function logged(
  isTTY: boolean,
  level: "info" | "silent" = "info",
): { lines: string[]; stream: Parameters<typeof openLogger>[1] } {
  const lines: string[] = [];
  const stream = { isTTY, write: (text: string) => lines.push(text) };
  const logger = openLogger(level, stream);
  logger.debug("not said");
  logger.info({ job: "1a", tookMs: 12.3456, list: [1] }, "Done.");
  logger.error({ err: new Error("broken") }, "Failed.");
  return { lines, stream };
}

describe("openLogger", () => {
  it("writes JSON lines if the output is not a terminal", () => {
    const { lines } = logged(false);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 30, job: "1a", tookMs: 12.3456, msg: "Done." },
      { level: 50, err: { message: "broken" }, msg: "Failed." },
    ]);
  });

  it("writes lines for people on a terminal, an error with its stack", () => {
    const { lines } = logged(true);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d INFO {2}Done\. {2}job=1a {2}tookMs=12\.35 {2}list=\[1\]\n$/);
    expect(lines[1]).toMatch(/^\S+ ERROR Failed\.\nError: broken\n +at /);
  });

  it("leaves out the signature of an image's address", () => {
    const lines: string[] = [];
    const logger = openLogger("info", { write: (text) => lines.push(text) });
    logger.info({ req: { url: "/jobs/1a/images/0/image.png?signature=AbC_-9" } }, "incoming request");
    expect(JSON.parse(lines[0]!).req.url).toBe("/jobs/1a/images/0/image.png?signature=[...]");
  });

  it("can be silent", () => {
    expect(logged(false, "silent").lines).toEqual([]);
  });
});
